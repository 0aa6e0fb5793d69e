import type { NamedTensors } from '../tensor.js';

/** The largest difference of two arrays, as a part of the expected one's largest element. */
export function relativeError(actual: ArrayLike<number | bigint>, expected: ArrayLike<number | bigint>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let difference = 0;
  let largest = Number.MIN_VALUE;
  for (let index = 0; index < expected.length; index++) {
    const gap = Math.abs(Number(actual[index]) - Number(expected[index]));
    if (!(gap <= difference)) difference = gap;
    largest = Math.max(largest, Math.abs(Number(expected[index])));
  }
  return difference / largest;
}

/** The names of both, and the worst relative error of any tensor. */
export function worstError(actual: NamedTensors, expected: NamedTensors): number {
  if ([...actual.keys()].join() !== [...expected.keys()].join()) return Number.POSITIVE_INFINITY;
  return Math.max(0, ...[...expected].map(([name, { data }]) => relativeError(actual.get(name)!.data, data)));
}
