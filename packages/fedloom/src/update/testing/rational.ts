import { RandomStream } from '../../core/random.js';

/** Doubles of magnitude 0 or 2^-300 to 2^600 are whole multiples of this. */
const SCALE_BITS = 400;

/** A double as an exact integer multiple of 2^-400. */
export function scaled(value: number): bigint {
  return BigInt(value * 2 ** SCALE_BITS);
}

/** 0 .. count-1 in a random order of its own for each `index`. */
export function shuffledIndices(count: number, index: number): number[] {
  const places = Int32Array.from({ length: count }, (_, i) => i);
  RandomStream.of(1, 'test-order', index).shuffle(places);
  return [...places];
}
