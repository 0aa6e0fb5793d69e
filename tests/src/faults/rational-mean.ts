/** Float32 values are whole multiples of 2^-149, weights of 2^-60. */
const VALUE_UNIT = 2 ** 149;
const WEIGHT_UNIT = 2 ** 60;
/** More than a float64 holds, so that one rounding is left to it. */
const QUOTIENT_BITS = 70;

/** The weighted mean of float32 values as a rational number, rounded once to float64. */
export function rationalMean(values: readonly number[], weights: readonly number[]): number {
  let sum = 0n;
  let total = 0n;
  for (const [i, value] of values.entries()) {
    const weight = BigInt((weights[i] ?? 0) * WEIGHT_UNIT);
    sum += BigInt(value * VALUE_UNIT) * weight;
    total += weight;
  }
  return quotient(sum, total) / VALUE_UNIT;
}

/** Rounded to the nearest float64, half to even. */
function quotient(dividend: bigint, divisor: bigint): number {
  if (dividend < 0n) return -quotient(-dividend, divisor);
  if (dividend === 0n) return 0;
  const shift = Math.max(0, QUOTIENT_BITS - bits(dividend) + bits(divisor));
  const shifted = dividend << BigInt(shift);
  const whole = shifted / divisor;
  // The last bit says whether anything is left: a half that is none must not be taken for one.
  return Number(shifted % divisor === 0n ? whole : whole | 1n) * 2 ** -shift;
}

function bits(value: bigint): number {
  return value.toString(16).length * 4;
}
