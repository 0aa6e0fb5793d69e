import { type DataSpec, elementCount, FedloomError, type Tensor } from '@fedloom/engine';
import { flattenNumbers, type NestedNumbers } from '../core/nested-numbers.js';
import { checkExamples } from './check-examples.js';
import { type Dataset, type Examples, type SampleColumn, sampleColumn } from './dataset.js';
import { requireKnown } from './reader-options.js';
import { sharedTensor } from './tensor-sharing.js';

export type NumberArray =
  | Float32Array
  | Float64Array
  | Uint8Array
  | Uint8ClampedArray
  | Int8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** Samples in memory, leading dimension first: nested lists, a typed array (one axis), or a typed array with its shape. */
export type ArrayInput =
  | NestedNumbers
  | NumberArray
  | { readonly data: NumberArray; readonly shape: readonly number[] };

export interface ArraySplit {
  /** Kept as uint8 when given as bytes, as int32 when given as another typed array of whole numbers, as float32 otherwise. */
  readonly x: ArrayInput;
  /** With `classes`: labels from 0, kept as int32; one for each sample or for each of its positions. Without: regression targets, kept as float32. */
  readonly y: ArrayInput;
  /** What else is known of each sample, by name, for `byColumn`: a text or number for each. */
  readonly columns?: Readonly<Record<string, readonly (string | number)[]>>;
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

const ARRAYS_OPTIONS = ['name', 'train', 'test', 'classes', 'scale'];
const SPLIT_FIELDS = ['x', 'y', 'columns'];

/**
 * A data set from arrays in memory. They are copied once.
 * @throws FedloomError `data.*` for ragged lists, shapes that do not fit each other, labels outside of the classes, NaN.
 */
export function arrays(options: ArraysOptions): Dataset {
  requireKnown(options ?? {}, ARRAYS_OPTIONS, 'arrays');
  const { name = 'arrays', classes, scale } = options ?? {};
  const where = `arrays("${name}")`;
  checkSplit(options?.train, `${where}, train split`);
  requireKnown(options.train, SPLIT_FIELDS, `${where}, train split`);
  if (options.test !== undefined) {
    checkSplit(options.test, `${where}, test split`);
    requireKnown(options.test, SPLIT_FIELDS, `${where}, test split`);
  }
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

/** Of JavaScript, where nothing else sees to it. */
function checkSplit(split: Partial<ArraySplit> | undefined, where: string): void {
  const missing = (['x', 'y'] as const).filter((name) => split?.[name] === undefined || split[name] === null);
  if (missing.length === 0) return;
  const what = split === undefined || split === null ? 'is missing' : `lacks ${missing.join(' and ')}`;
  const form = 'arrays({ train: { x, y }, test: { x, y }, classes }), of which test and classes may be left out';
  throw new FedloomError('data.shape', `${where} ${what}. Give ${form}.`, { where });
}

function toExamples(split: ArraySplit, classes: number | undefined, where: string): Examples {
  const { columns } = split;
  const x = toTensor(split.x, xDType(split.x), `${where}: x`);
  const y = toTensor(split.y, yDType(split.y, classes, where), `${where}: y`);
  if (columns === undefined) return { x, y };
  const samples = x.shape[0] ?? 0;
  const entries = Object.entries(columns).map(([name, texts]): [string, SampleColumn] => {
    if (texts.length === samples) return [name, sampleColumn(texts.map(String))];
    const what = `${where}: column "${name}"`;
    throw new FedloomError('data.shape', `${what} has ${texts.length} entries for ${samples} samples.`, {
      where: what,
    });
  });
  return { x, y, columns: new Map(entries) };
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
  if (data === undefined || data instanceof Float32Array || data instanceof Float64Array) return 'float32';
  return data instanceof Uint8Array || data instanceof Uint8ClampedArray ? 'uint8' : 'int32';
}

function yDType(input: ArrayInput, classes: number | undefined, where: string): 'int32' | 'float32' {
  if (classes !== undefined) return 'int32';
  const data = dataOf(input);
  if (data === undefined || data instanceof Float32Array || data instanceof Float64Array) return 'float32';
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

/** @param what it is, at the start of a message @throws FedloomError `data.shape`, `data.labels` */
export function toTensor(input: ArrayInput, dtype: 'uint8' | 'int32' | 'float32', what: string): Tensor {
  const problem = (text: string) => new FedloomError('data.shape', `${what} ${text}.`, { where: what });
  const { shape, values } = flatten(input, problem);
  if (shape.length === 0) throw problem('has no leading dimension that counts the samples');
  if (values.length !== elementCount(shape)) {
    throw problem(`has ${values.length} elements where its shape [${shape.join(', ')}] holds ${elementCount(shape)}`);
  }
  const tensor = sharedTensor(dtype, shape);
  if (dtype === 'float32' || values.constructor === tensor.data.constructor) {
    (tensor.data as NumberArray as Float32Array).set(values as Float32Array);
    return tensor;
  }
  for (const [place, value] of values.entries()) {
    tensor.data[place] = Number(value);
    if (Number(value) === tensor.data[place]) continue;
    throw new FedloomError(
      'data.labels',
      `${what} holds ${value} at place ${place}, which is no whole number that ${dtype} holds. Labels are whole numbers from 0; ` +
        'targets to regress, and x of larger numbers, may be given as Float32Array.',
      { where: what, row: place },
    );
  }
  return tensor;
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
