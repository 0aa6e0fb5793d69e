import { type DataSpec, elementCount, FedloomError, type Tensor } from '@fedloom/engine';
import { flattenNumbers, type NestedNumbers } from '../core/nested-numbers.js';
import { checkExamples } from './check-examples.js';
import type { Dataset, Examples } from './dataset.js';
import { sharedTensor } from './shared-tensor.js';

export type NumberArray = Float32Array | Float64Array | Int32Array | Uint8Array;

/** Samples in memory, leading dimension first: nested lists, a typed array (one axis), or a typed array with its shape. */
export type ArrayInput =
  | NestedNumbers
  | NumberArray
  | { readonly data: NumberArray; readonly shape: readonly number[] };

export interface ArraySplit {
  /** Kept as uint8 or int32 when given as such a typed array, as float32 otherwise. */
  readonly x: ArrayInput;
  /** With `classes`: labels from 0, kept as int32. Without: regression targets, kept as float32. */
  readonly y: ArrayInput;
}

export interface ArraysOptions {
  /** Default `arrays`. */
  readonly name?: string;
  readonly train: ArraySplit;
  /** Default: no test samples. */
  readonly test?: ArraySplit;
  /** The number of classes that labels tell apart. */
  readonly classes?: number;
  /** The model sees x times this, for instance 1/255 for images in uint8. Default 1. */
  readonly scale?: number;
}

/**
 * A data set from arrays in memory. They are copied once.
 * @throws FedloomError `data.*` for ragged lists, shapes that do not fit each other, labels outside of the classes, NaN.
 */
export function arrays(options: ArraysOptions): Dataset {
  const { name = 'arrays', classes, scale } = options;
  const where = `arrays("${name}")`;
  if (classes !== undefined && !(Number.isSafeInteger(classes) && classes >= 1)) {
    throw new FedloomError('data.classes', `${where}: classes must be a whole number of at least 1, not ${classes}.`, {
      classes,
    });
  }
  if (scale !== undefined && !Number.isFinite(scale)) {
    throw new FedloomError('data.scale', `${where}: scale must be a finite number, not ${scale}.`, { scale });
  }
  const train = toExamples(options.train, classes, `${where}, train split`);
  if (train.x.shape[0] === 0) throw new FedloomError('data.empty', `${where}: the train split has no samples.`);
  const spec = specOf(train, classes, scale);
  const test = options.test === undefined ? noSamples(spec) : toExamples(options.test, classes, `${where}, test split`);
  checkExamples(train, spec, { where, split: 'train split' });
  checkExamples(test, spec, { where, split: 'test split' });
  return Object.freeze({
    name,
    spec: async () => spec,
    load: async (split: 'train' | 'test') => (split === 'train' ? train : test),
  });
}

function toExamples({ x, y }: ArraySplit, classes: number | undefined, where: string): Examples {
  return { x: toTensor(x, xDType(x), `${where}: x`), y: toTensor(y, yDType(y, classes, where), `${where}: y`) };
}

function specOf({ x, y }: Examples, classes: number | undefined, scale: number | undefined): DataSpec {
  return {
    x: { dtype: x.dtype as DataSpec['x']['dtype'], shape: x.shape.slice(1), ...(scale !== undefined && { scale }) },
    y: { dtype: y.dtype as DataSpec['y']['dtype'], shape: y.shape.slice(1), ...(classes !== undefined && { classes }) },
  };
}

function noSamples({ x, y }: DataSpec): Examples {
  return { x: sharedTensor(x.dtype, [0, ...x.shape]), y: sharedTensor(y.dtype, [0, ...y.shape]) };
}

function xDType(input: ArrayInput): 'uint8' | 'int32' | 'float32' {
  const data = dataOf(input);
  if (data instanceof Uint8Array) return 'uint8';
  return data instanceof Int32Array ? 'int32' : 'float32';
}

function yDType(input: ArrayInput, classes: number | undefined, where: string): 'int32' | 'float32' {
  if (classes !== undefined) return 'int32';
  const data = dataOf(input);
  if (!(data instanceof Uint8Array || data instanceof Int32Array)) return 'float32';
  throw new FedloomError(
    'data.classes',
    `${where}: y is a ${data.constructor.name} and "classes" is not set. Set classes if y holds labels; ` +
      'give a Float32Array or lists if it holds regression targets.',
    { classes },
  );
}

/** The typed array in an input; undefined for lists. */
function dataOf(input: ArrayInput): NumberArray | undefined {
  if (typeof input === 'number' || Array.isArray(input)) return undefined;
  return ArrayBuffer.isView(input) ? input : (input as { readonly data: NumberArray }).data;
}

function toTensor(input: ArrayInput, dtype: 'uint8' | 'int32' | 'float32', what: string): Tensor {
  const problem = (text: string) => new FedloomError('data.shape', `${what} ${text}.`, { where: what });
  const { shape, values } = flatten(input, problem);
  if (shape.length === 0) throw problem('has no leading dimension that counts the samples');
  if (values.length !== elementCount(shape)) {
    throw problem(`has ${values.length} elements where its shape [${shape.join(', ')}] holds ${elementCount(shape)}`);
  }
  const tensor = sharedTensor(dtype, shape);
  (tensor.data as NumberArray).set(values);
  const exact = dtype === 'float32' || values.every((value, i) => value === tensor.data[i]);
  if (exact) return tensor;
  const row = values.findIndex((value, i) => value !== tensor.data[i]);
  throw new FedloomError(
    'data.labels',
    `${what} holds ${values[row]} at place ${row}; labels are whole numbers from 0.`,
    { where: what, row },
  );
}

function flatten(
  input: ArrayInput,
  problem: (text: string) => Error,
): { shape: readonly number[]; values: NumberArray } {
  const data = dataOf(input);
  if (data === undefined) return flattenNumbers(input as NestedNumbers, problem);
  return {
    shape: ArrayBuffer.isView(input) ? [data.length] : (input as { shape: readonly number[] }).shape,
    values: data,
  };
}
