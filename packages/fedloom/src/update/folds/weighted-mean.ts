import { elementCount, FedloomError, type Tensor, type TensorData } from '@fedloom/engine';
import { type IntegerData, IntegerSums, ONE } from '../integer-sums.js';
import { largestMagnitude } from '../magnitude.js';
import { isFloat, type UpdateSpec } from '../update.js';
import { numbersOf } from './fold-tensors.js';

/** Elements that are read at a time. */
const BLOCK = 16_384;

/**
 * The weighted mean of a few tensors, summed in their order: floats as float64, integers rounded half to even. That of one
 * tensor is the tensor, whatever its weight.
 * @param weights each 0 or a `roundedWeight`
 * @throws FedloomError `aggregate.weight` when the weights add up to 0
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
  if (!isFloat(dtype)) return { dtype, shape, data: integerMean(tensors, weights, spec) };
  const sums = new Float64Array(elementCount(shape));
  for (const [k, tensor] of tensors.entries()) addFloats(sums, tensor, weights[k]!);
  for (let i = 0; i < sums.length; i++) sums[i]! /= total;
  return { dtype: 'float64', shape, data: sums };
}

function integerMean(tensors: readonly Tensor[], weights: readonly number[], { shape, dtype }: UpdateSpec): TensorData {
  const [sums, total] = [new IntegerSums(elementCount(shape)), new IntegerSums(1)];
  for (const [k, tensor] of tensors.entries()) {
    sums.add(tensor.data as IntegerData, weights[k]!, largestMagnitude(tensor));
    total.add(ONE, weights[k]!, 1);
  }
  return sums.quotients(total, dtype);
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
