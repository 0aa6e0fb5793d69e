import { arrayOf, type DType, elementCount, FedloomError, type NamedTensors, type Tensor } from '@fedloom/engine/base';

/** What a tensor must be. */
export interface TensorSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** Ascending order of UTF-16 code units, the order of all named tensors. */
export function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Tensors in ascending order of names. Of entries with one name the last stays. */
export function sortedTensors(entries: Iterable<readonly [string, Tensor]>): Map<string, Tensor> {
  return new Map([...entries].sort(([a], [b]) => compareNames(a, b)));
}

/** Numbers in all of them together. */
export function countOf(tensors: NamedTensors): number {
  return [...tensors.values()].reduce((sum, { data }) => sum + data.length, 0);
}

/** Why tensors are not the expected ones. `text` continues a sentence that begins with whose they are. */
export interface Mismatch {
  readonly kind: 'names' | 'shape' | 'dtype';
  readonly tensor: string;
  readonly text: string;
}

/** The first way in which `actual` is not exactly what `expected` lists, in any order; undefined when it fits. */
export function findMismatch(actual: NamedTensors, expected: readonly TensorSpec[]): Mismatch | undefined {
  for (const spec of expected) {
    const tensor = actual.get(spec.name);
    const mismatch = tensor === undefined ? missing(actual, spec) : compare(tensor, spec);
    if (mismatch !== undefined) return mismatch;
  }
  if (actual.size === expected.length) return undefined;
  const names = new Set(expected.map(({ name }) => name));
  const extra = [...actual.keys()].find((name) => !names.has(name));
  if (extra === undefined) return undefined;
  return { kind: 'names', tensor: extra, text: `holds a tensor "${extra}" that the model does not have` };
}

/**
 * @param who whose tensors they are, at the start of a message: `The initial model for task "mnist"`
 * @throws FedloomError `params.names`, `params.shape` or `params.dtype` unless `actual` holds exactly `expected`.
 */
export function checkTensors(actual: NamedTensors, expected: readonly TensorSpec[], who: string): void {
  const mismatch = findMismatch(actual, expected);
  if (mismatch === undefined) return;
  const { kind, tensor, text } = mismatch;
  throw new FedloomError(`params.${kind}`, `${who} ${text}. It must be of the same model.`, { who, tensor });
}

function missing(actual: NamedTensors, { name }: TensorSpec): Mismatch {
  const text = `lacks tensor "${name}" (it holds ${actual.size} tensors)`;
  return { kind: 'names', tensor: name, text };
}

function compare(tensor: Tensor, { name, shape, dtype }: TensorSpec): Mismatch | undefined {
  if (tensor.dtype !== dtype) {
    return { kind: 'dtype', tensor: name, text: `has ${tensor.dtype} in tensor "${name}" where ${dtype} is expected` };
  }
  if (tensor.shape.length !== shape.length || shape.some((extent, axis) => tensor.shape[axis] !== extent)) {
    const [found, wanted] = [tensor.shape.join(', '), shape.join(', ')];
    return {
      kind: 'shape',
      tensor: name,
      text: `has shape [${found}] in tensor "${name}" where [${wanted}] is expected`,
    };
  }
  const length = elementCount(shape);
  if (tensor.data.length !== length) {
    const text = `has ${tensor.data.length} elements in tensor "${name}" where its shape [${shape.join(', ')}] holds ${length}`;
    return { kind: 'shape', tensor: name, text };
  }
  if (tensor.data instanceof arrayOf[dtype]) return undefined;
  const text = `keeps tensor "${name}" in a ${tensor.data.constructor.name}, which does not hold ${dtype}`;
  return { kind: 'dtype', tensor: name, text };
}
