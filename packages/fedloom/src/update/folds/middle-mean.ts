import { allocate, elementCount, type Tensor } from '@fedloom/engine';
import type { Aggregate, Contribution } from '../fold-contract.js';
import { roundedBigQuotient, roundedQuotient } from '../integer-quotient.js';
import { isFloat, type UpdateSpec } from '../update.js';
import { foldTensors, numbersOf } from './fold-tensors.js';

/** Numbers that are sorted at a time, coordinate after coordinate: few enough to stay in a core's cache. */
const SCRATCH_NUMBERS = 16_384;
/** Up to so many numbers, insertion beats the general sort. */
const INSERTION_MAX = 48;

/** Bytes that `middleMean` needs beside the updates and the aggregate. */
export function middleMeanScratchBytes(updates: number): number {
  return 8 * Math.max(SCRATCH_NUMBERS, updates);
}

/**
 * For each coordinate of its own: the unweighted mean of what is left when the `trim` smallest and the `trim` largest of the
 * clients' values are put aside. With all but one or two put aside it is the median. Zeros come out as +0, so that nothing
 * depends on whose value stood where.
 * @param trim below half the number of contributions
 */
export function middleMean(
  contributions: readonly Contribution[],
  specs: readonly UpdateSpec[],
  trim: number,
): Aggregate {
  const clients = contributions.length;
  const scratch = new Float64Array(Math.max(SCRATCH_NUMBERS, clients));
  return foldTensors(contributions, specs, (tensors, { dtype, shape }): Tensor => {
    if (dtype === 'int64') return { dtype, shape, data: wholeMiddles(tensors, elementCount(shape), trim) };
    const middles = new Float64Array(elementCount(shape));
    const atOnce = Math.floor(scratch.length / clients);
    for (let from = 0; from < middles.length; from += atOnce) {
      const count = Math.min(atOnce, middles.length - from);
      for (const [k, tensor] of tensors.entries()) spread(numbersOf(tensor, from, count), scratch, k, clients);
      sortEach(scratch, clients, count);
      if (isFloat(dtype)) meanEach(scratch, clients, trim, middles.subarray(from, from + count));
      else sumEach(scratch, clients, trim, middles.subarray(from, from + count));
    }
    if (isFloat(dtype)) return { dtype: 'float64', shape, data: middles };
    // Whole numbers of at most 32 bits: their sums are exact.
    const means = allocate(dtype, middles.length);
    for (const [i, sum] of middles.entries()) means[i] = roundedQuotient(sum, clients - 2 * trim);
    return { dtype, shape, data: means };
  });
}

/** Writes one client's values into its place in each coordinate's group. Adding 0 makes a -0 a +0. */
function spread(values: ArrayLike<number>, groups: Float64Array, client: number, clients: number): void {
  for (let i = 0, at = client; i < values.length; i++, at += clients) groups[at] = values[i]! + 0;
}

/** Sorts each of `count` groups of `size` neighbours. */
function sortEach(groups: Float64Array, size: number, count: number): void {
  if (size > INSERTION_MAX) {
    for (let from = 0; from < size * count; from += size) groups.subarray(from, from + size).sort();
    return;
  }
  for (let from = 0; from < size * count; from += size) insertionSort(groups, from, from + size);
}

function insertionSort(values: Float64Array, from: number, end: number): void {
  for (let i = from + 1; i < end; i++) {
    const value = values[i]!;
    let at = i;
    for (; at > from && values[at - 1]! > value; at--) values[at] = values[at - 1]!;
    values[at] = value;
  }
}

/** The mean of each group's middle. Rounding cannot carry it out of the middle, nor a sum beyond the range. */
function meanEach(groups: Float64Array, size: number, trim: number, means: Float64Array): void {
  const kept = size - 2 * trim;
  for (let i = 0; i < means.length; i++) {
    const from = i * size + trim;
    const sum = sumOf(groups, from, from + kept, 1);
    const mean = Number.isFinite(sum) ? sum / kept : sumOf(groups, from, from + kept, kept);
    means[i] = Math.min(Math.max(mean, groups[from]!), groups[from + kept - 1]!);
  }
}

function sumEach(groups: Float64Array, size: number, trim: number, sums: Float64Array): void {
  for (let i = 0; i < sums.length; i++) sums[i] = sumOf(groups, i * size + trim, (i + 1) * size - trim, 1);
}

function sumOf(values: Float64Array, from: number, end: number, divisor: number): number {
  let sum = 0;
  for (let i = from; i < end; i++) sum += values[i]! / divisor;
  return sum;
}

/** The same for int64, whose values no float64 holds; rounded half to even. */
function wholeMiddles(tensors: readonly Tensor[], length: number, trim: number): BigInt64Array {
  const middles = allocate('int64', length) as BigInt64Array;
  const group = new BigInt64Array(tensors.length);
  const kept = BigInt(tensors.length - 2 * trim);
  for (let i = 0; i < length; i++) {
    for (const [k, { data }] of tensors.entries()) group[k] = (data as BigInt64Array)[i]!;
    group.sort();
    let sum = 0n;
    for (const value of group.subarray(trim, tensors.length - trim)) sum += value;
    middles[i] = roundedBigQuotient(sum, kept);
  }
  return middles;
}
