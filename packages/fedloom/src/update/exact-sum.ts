/*
 * Weighted sums of floats that do not depend on the order of the terms: pre-rounding after Demmel and Nguyen 2013
 * ("Fast reproducible floating-point summation"), with constants in place of a maximum that would have to be known first.
 *
 * Each term x = weight * value is split by rounding into h, a multiple of HIGH_QUANTUM, and l, a multiple of LOW_QUANTUM;
 * what is below is dropped, the same for this term whenever it comes. Sums of such multiples are exact in float64 while
 * they stay below 2^53 quanta, and exact sums have no order.
 * - high: |sum| stays below 2^53 HIGH_QUANTUM because the sum of magnitudes is held to SUM_MAX = 2^52 HIGH_QUANTUM.
 * - low: |l| <= HIGH_QUANTUM / 2 = 2^45 LOW_QUANTUM, so 128 terms and what a carry leaves stay below 2^52 + 2^45 quanta.
 */

/** Terms keep their multiple of this in the high part. */
export const HIGH_QUANTUM = 2 ** -6;
/** Terms are rounded to a multiple of this: each to within 2^-53. */
export const LOW_QUANTUM = 2 ** -52;
/** The sum of the terms' magnitudes, of any one element, may reach this. */
export const SUM_MAX = 2 ** 52 * HIGH_QUANTUM;
/** After so many additions the low part must be carried into the high part. */
export const CARRY_EVERY = 128;

/** Adding and subtracting this rounds to a multiple of HIGH_QUANTUM, half to even: its last place is one. */
export const HIGH_ROUNDER = 1.5 * 2 ** 52 * HIGH_QUANTUM;
export const LOW_ROUNDER = 1.5 * 2 ** 52 * LOW_QUANTUM;

/** The sums of many elements. Their exact values are `high[i] + low[i]`. */
export interface ExactSums {
  readonly high: Float64Array;
  readonly low: Float64Array;
  /**
   * Adds weight * values[i] to element `at + i`, for all i. The caller holds the bounds above and carries.
   * @param at a multiple of 4; the three elements behind the last one must be spare
   */
  add(values: Float32Array | Float64Array, at: number, weight: number): void;
}

/** The readable reference: plain TypeScript. `wasmSums` does the same operations on two elements at once. */
export function plainSums(length: number): ExactSums {
  const high = new Float64Array(length);
  const low = new Float64Array(length);
  return {
    high,
    low,
    add(values, at, weight) {
      for (let i = 0; i < values.length; i++) {
        const x = weight * values[i]!;
        const h = x + HIGH_ROUNDER - HIGH_ROUNDER;
        const l = x - h + LOW_ROUNDER - LOW_ROUNDER;
        high[at + i]! += h;
        low[at + i]! += l;
      }
    },
  };
}

/** Moves what fills a high quantum from the low parts to the high parts; the exact values stay. */
export function carry({ high, low }: ExactSums): void {
  for (let i = 0; i < low.length; i++) {
    const h = low[i]! + HIGH_ROUNDER - HIGH_ROUNDER;
    high[i]! += h;
    low[i]! -= h;
  }
}

/** Writes the sums from element `at`, divided by `denominator`, to all of `quotients`. */
export function divide(
  { high, low }: ExactSums,
  at: number,
  denominator: number,
  quotients: Float32Array | Float64Array,
): void {
  // high + low is the exact sum, rounded once; how the sum lies in the two parts makes no difference.
  for (let i = 0; i < quotients.length; i++) quotients[i] = (high[at + i]! + low[at + i]!) / denominator;
}
