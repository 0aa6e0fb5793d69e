import { elementCount, FedloomError, type Tensor } from '@fedloom/engine';
import { addIntegers, INTEGER_SUM_MAX, integerQuotients } from '../integer-mean.js';
import { isFloat, type UpdateSpec } from '../update.js';
import { numbersOf } from './fold-tensors.js';

/** Elements that are read at a time. */
const BLOCK = 16_384;

/**
 * The weighted mean of a few tensors, summed in their order: floats as float64, integers rounded half to even. That of one
 * tensor is the tensor, whatever its weight.
 * @throws FedloomError `aggregate.weight` when the weights add up to 0, `aggregate.overflow` when a sum of integers is not exact
 */
export function weightedMean(tensors: readonly Tensor[], weights: readonly number[], spec: UpdateSpec): Tensor {
  const { name, dtype, shape } = spec;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const [only] = tensors;
  if (tensors.length === 1 && only !== undefined) return widened(only, spec);
  if (!(total > 0)) {
    throw new FedloomError(
      'aggregate.weight',
      `The ${tensors.length} updates that were chosen have weights that add up to ${total}: they have no mean.`,
      { name, total },
    );
  }
  const sums = new Float64Array(elementCount(shape));
  for (const [k, tensor] of tensors.entries()) {
    if (isFloat(dtype)) addFloats(sums, tensor, weights[k]!);
    else addIntegers(sums, tensor.data, weights[k]!);
  }
  if (isFloat(dtype)) {
    for (let i = 0; i < sums.length; i++) sums[i]! /= total;
    return { dtype: 'float64', shape, data: sums };
  }
  if (sums.some((sum) => Math.abs(sum) > INTEGER_SUM_MAX)) {
    throw new FedloomError('aggregate.overflow', `Values of tensor "${name}" times their weights exceed 2^53.`, {
      name,
    });
  }
  return { dtype, shape, data: integerQuotients(sums, total, dtype) };
}

/** A tensor as an aggregate, in memory of its own: floats as float64, integers in their dtype. */
function widened(tensor: Tensor, { dtype, shape }: UpdateSpec): Tensor {
  if (!isFloat(dtype)) return { dtype, shape, data: tensor.data.slice() };
  const data = new Float64Array(tensor.data.length);
  for (let from = 0; from < data.length; from += BLOCK) data.set(numbersOf(tensor, from, BLOCK), from);
  return { dtype: 'float64', shape, data };
}

function addFloats(sums: Float64Array, tensor: Tensor, weight: number): void {
  for (let from = 0; from < sums.length; from += BLOCK) {
    addScaled(sums.subarray(from, from + BLOCK), numbersOf(tensor, from, BLOCK), weight);
  }
}

function addScaled(sums: Float64Array, values: ArrayLike<number>, weight: number): void {
  for (let i = 0; i < sums.length; i++) sums[i]! += weight * values[i]!;
}
