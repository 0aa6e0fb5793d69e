import { bytesPerElement, elementCount, FedloomError, type Tensor } from '@fedloom/engine';
import { decodeHalves } from '../../core/float16.js';
import { compareNames } from '../../core/params.js';
import type { Aggregate, Contribution } from '../fold-contract.js';
import { largestMagnitude } from '../magnitude.js';
import { elementwiseMaximum } from '../maximum.js';
import { isFloat, type UpdateSpec } from '../update.js';

/**
 * Folds tensor by tensor, ascending by name: those with fold `max` by their maximum, the others as `mean` says.
 * @throws FedloomError `aggregate.overflow` when a mean of floats is not finite
 */
export function foldTensors(
  contributions: readonly Contribution[],
  specs: readonly UpdateSpec[],
  mean: (tensors: readonly Tensor[], spec: UpdateSpec) => Tensor,
): Aggregate {
  const aggregate: Aggregate = new Map();
  for (const spec of ascending(specs)) {
    const tensors = tensorsOf(contributions, spec.name);
    if (spec.fold === 'max') {
      aggregate.set(spec.name, maximumOf(tensors, spec));
      continue;
    }
    const tensor = mean(tensors, spec);
    if (isFloat(spec.dtype) && !Number.isFinite(largestMagnitude(tensor))) {
      throw new FedloomError(
        'aggregate.overflow',
        `The aggregate of tensor "${spec.name}" is beyond the range of float64. The model diverged.`,
        { tensor: spec.name },
      );
    }
    aggregate.set(spec.name, tensor);
  }
  return aggregate;
}

/** By name: whatever is added up over tensors must not depend on the order in which they are listed. */
export function ascending(specs: readonly UpdateSpec[]): UpdateSpec[] {
  return [...specs].sort((a, b) => compareNames(a.name, b.name));
}

/** Each contribution's tensor of this name. */
export function tensorsOf(contributions: readonly Contribution[], name: string): Tensor[] {
  return contributions.map(({ update }) => {
    const tensor = update.tensors.get(name);
    if (tensor === undefined)
      throw new RangeError(`the update of client ${update.client} was folded without "${name}"`);
    return tensor;
  });
}

/** Elements `from` to `from + count` of a tensor of floats, or of integers that float64 holds. */
export function numbersOf({ dtype, data }: Tensor, from: number, count: number): ArrayLike<number> {
  if (data instanceof BigInt64Array) throw new RangeError('an int64 tensor has no array of numbers');
  const part = data.subarray(from, from + count);
  return dtype === 'float16' ? decodeHalves(part as Uint16Array) : part;
}

/** Bytes of so many updates, of the aggregate made of them (integers are summed in float64 first), and of `scratch` beside. */
export function memoryOf(specs: readonly UpdateSpec[], updates: number, scratch: number): number {
  return specs.reduce((sum, { shape, dtype, fold }) => {
    const elements = elementCount(shape);
    const own = bytesPerElement[dtype];
    const result = fold === 'max' ? own : isFloat(dtype) ? 8 : 8 + own;
    return sum + elements * (updates * own + result);
  }, scratch);
}

function maximumOf(tensors: readonly Tensor[], { dtype, shape }: UpdateSpec): Tensor {
  let data: Tensor['data'] | undefined;
  for (const tensor of tensors) data = elementwiseMaximum(data, tensor);
  if (data === undefined) throw new RangeError('there is no maximum of no tensors');
  return { dtype, shape, data };
}
