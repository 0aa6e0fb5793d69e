/** Doubles of magnitude 0 or 2^-300 to 2^600 are whole multiples of this. */
const SCALE_BITS = 400;

/** A double as an exact integer multiple of 2^-400. */
export function scaled(value: number): bigint {
  return BigInt(value * 2 ** SCALE_BITS);
}
