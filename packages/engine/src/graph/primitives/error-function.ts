/**
 * erf(x) = 2 / sqrt(pi) times the integral of exp(-t²) from 0 to x, within a few units in the last place of float64: its Taylor series
 * near 0, and the continued fraction of erfc farther out (Abramowitz and Stegun, 7.1.6 and 7.1.14).
 */
export function errorFunction(x: number): number {
  const size = Math.abs(x);
  if (Number.isNaN(x)) return x;
  if (size < 2.5) return x === 0 ? x : series(x);
  return Math.sign(x) * (1 - complement(size));
}

/** Of terms that are all positive: 2 / sqrt(pi) exp(-x²) times the sum of 2^n x^(2n+1) / (1 · 3 · … · (2n+1)). */
function series(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > Math.abs(sum) * 2 ** -54; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

function complement(x: number): number {
  let fraction = x;
  for (let n = 60; n >= 1; n--) fraction = x + n / 2 / fraction;
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * fraction);
}
