const TERMS = 14;

/**
 * e to the power of x for x of at most 0, within 4 units in the last place or 1e-300, and equal to the bit on every platform: unlike
 * `Math.exp` it uses only operations that IEEE 754 defines exactly.
 */
export function portableExp(x: number): number {
  const halvings = Math.round(x / Math.LN2);
  if (halvings < -1020) return 0;
  // Of ln 2 first the leading bits, whose multiples are exact, then the rest.
  const rest = x - halvings * LN2_HIGH - halvings * LN2_LOW;
  let series = 1;
  for (let n = TERMS; n >= 1; n--) series = 1 + (rest / n) * series;
  return series * 2 ** halvings;
}

const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;
