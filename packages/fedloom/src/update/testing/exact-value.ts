/*
 * Exact arithmetic on doubles of any magnitude, as whole multiples of the smallest one: the naive reference of the sums.
 */

/** 2^-1074, of which every double is a whole multiple. */
const SMALLEST = 2 ** -1074;

/** A finite double as a multiple of 2^-1074. */
export function exactly(value: number): bigint {
  // By a power of two that keeps the quotient finite and whole; both steps are exact.
  const magnitude = Math.abs(value);
  const multiple = magnitude < 2 ** -52 ? BigInt(magnitude / SMALLEST) : exactlyLarge(magnitude);
  return value < 0 ? -multiple : multiple;
}

function exactlyLarge(magnitude: number): bigint {
  let [significand, exponent] = [magnitude, 0];
  while (!Number.isInteger(significand)) {
    significand *= 2;
    exponent -= 1;
  }
  return BigInt(significand) << BigInt(1074 + exponent);
}

/** sum_i weights[i] * values[i], exactly, as a multiple of 2^-2148. */
export function exactProducts(values: readonly number[], weights: readonly number[]): bigint {
  return values.reduce((sum, value, i) => sum + exactly(value) * exactly(weights[i] ?? Number.NaN), 0n);
}

export function magnitudeOf(value: bigint): bigint {
  return value < 0n ? -value : value;
}
