const LN2 = Math.LN2;
const SQRT_HALF = Math.SQRT1_2;

/**
 * The natural logarithm of a normal number x > 0, within 2 units in the last place or 1e-16, and equal to the bit on
 * every platform: unlike `Math.log` it uses only operations that IEEE 754 defines exactly.
 */
export function portableLog(x: number): number {
  let mantissa = x;
  let exponent = 0;
  while (mantissa < SQRT_HALF) {
    mantissa *= 2;
    exponent--;
  }
  while (mantissa >= 2 * SQRT_HALF) {
    mantissa /= 2;
    exponent++;
  }
  // ln m = 2 artanh(s) = 2 (s + s^3/3 + s^5/5 + ...) with s = (m-1)/(m+1), |s| < 0.172
  const s = (mantissa - 1) / (mantissa + 1);
  const square = s * s;
  let series = 0;
  for (let n = 23; n >= 3; n -= 2) series = square * (1 / n + series);
  return exponent * LN2 + 2 * (s + s * series);
}
