import { FedloomError } from '@fedloom/engine';

/** Weights other than 0 lie between these, so that weight * value of a float32 is exact: it never leaves float64. */
const WEIGHT_MIN = 2 ** -300;
export const WEIGHT_MAX = 2 ** 300;

/**
 * A weight as the sums take it: rounded to 24 significant bits, so that its product with a float32 or float16 is exact.
 * Whole numbers stay whole, and those up to 2^24 stay what they are.
 * @param who whose weight it is, for the message: `client 3`
 * @throws FedloomError `update.weight` unless it is 0 or from 2^-300 to 2^300
 */
export function roundedWeight(weight: number, who: string): number {
  if (weight === 0) return 0;
  if (weight >= WEIGHT_MIN && weight <= WEIGHT_MAX) {
    if (Math.fround(weight) === weight) return weight;
    // Any power of two near the weight serves: scaling by it is exact, so that it decides nothing.
    const scale = 2 ** Math.floor(Math.log2(weight));
    return Math.fround(weight / scale) * scale;
  }
  throw new FedloomError(
    'update.weight',
    `The update of ${who} has weight ${weight}; a weight is 0 or a number from 2^-300 to 2^300. The algorithm's ` +
      '`weight` made it from the facts: scale it there.',
    { who, weight },
  );
}

/** A power of two of which the weight, above 0, is a whole multiple: the largest one, or half of it. */
export function unitOf(weight: number): number {
  let unit = 2 ** Math.floor(Math.log2(weight));
  while (!Number.isInteger(weight / unit)) unit /= 2;
  return unit;
}
