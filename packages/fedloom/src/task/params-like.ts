import type { DType, NamedTensors, Tensor } from '@fedloom/engine';
import { elementCount, FedloomError } from '@fedloom/engine';
import { flattenNumbers, type NestedNumbers } from '../core/nested-numbers.js';
import { sortedTensors } from '../core/params.js';

/** One parameter as training code has it: a tensor, a typed array (one axis), or nested lists of numbers (float32). */
export type TensorLike = Tensor | Float32Array | Float64Array | Int32Array | BigInt64Array | NestedNumbers;

/** Named parameters, as a map or as an object. */
export type ParamsLike = ReadonlyMap<string, TensorLike> | Readonly<Record<string, TensorLike>>;

/**
 * Tensors in ascending order of names. Copies nothing that is a tensor or a typed array already.
 * @param owner who gave them, for messages: "The trainer of client 3".
 * @throws FedloomError `trainer.params`, naming the parameter.
 */
export function toNamedTensors(params: ParamsLike, owner: string): NamedTensors {
  if (typeof params !== 'object' || params === null || Array.isArray(params) || ArrayBuffer.isView(params)) {
    const given = params === undefined || params === null ? String(params) : 'what is no such object';
    const wanted = 'a Map, or an object, of named tensors, such as { w: new Float32Array(3) }';
    throw new FedloomError('trainer.params', `${owner} gave ${given}: getModelParams must return ${wanted}.`);
  }
  const entries: [string, TensorLike][] = isMap(params) ? [...params] : Object.entries(params);
  if (entries.length === 0) {
    throw new FedloomError('trainer.params', `${owner} gave no parameters: getModelParams must return at least one.`);
  }
  return sortedTensors(entries.map(([name, value]) => [name, toTensor(value, name, owner)]));
}

function isMap(params: ParamsLike): params is ReadonlyMap<string, TensorLike> {
  return params instanceof Map;
}

function toTensor(value: TensorLike, name: string, owner: string): Tensor {
  const problem = (what: string) =>
    new FedloomError('trainer.params', `${owner} gave parameter "${name}" ${what}.`, { parameter: name });
  if (typeof value === 'number' || Array.isArray(value)) return fromLists(value, problem);
  const dtype = arrayDType(value);
  if (dtype !== undefined) {
    const data = value as Float32Array;
    return { dtype, shape: [data.length], data };
  }
  const tensor = value as Partial<Tensor> | null | undefined;
  if (!Array.isArray(tensor?.shape) || tensor.data === undefined || tensor.dtype === undefined) {
    throw problem('as something else than a tensor { dtype, shape, data }, a typed array, or nested lists of numbers');
  }
  const wanted = elementCount(tensor.shape);
  if (tensor.data.length !== wanted) {
    throw problem(
      `with shape [${tensor.shape.join(', ')}], which holds ${wanted} elements, but ${tensor.data.length} of data`,
    );
  }
  return tensor as Tensor;
}

function arrayDType(value: TensorLike): DType | undefined {
  if (value instanceof Float32Array) return 'float32';
  if (value instanceof Float64Array) return 'float64';
  if (value instanceof Int32Array) return 'int32';
  return value instanceof BigInt64Array ? 'int64' : undefined;
}

function fromLists(lists: NestedNumbers, problem: (what: string) => FedloomError): Tensor {
  const { shape, values } = flattenNumbers(lists, (what) => problem(`as lists that cannot be one: it ${what}`));
  if (values.length === 0) throw problem('with an empty list');
  return { dtype: 'float32', shape, data: Float32Array.from(values) };
}
