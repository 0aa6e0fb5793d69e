import type { RandomSource } from '../layers/types.js';

/** A small generator for tests: the same seed, the same numbers. Park and Miller's minimal standard. */
export function testRandom(seed: number): RandomSource {
  let state = (seed % 2147483646) + 1;
  const next = () => {
    state = (state * 48271) % 2147483647;
    return (state - 1) / 2147483646;
  };
  return {
    next,
    fill: (values) => {
      for (let i = 0; i < values.length; i++) values[i] = next();
    },
  };
}

/** Whole numbers below `below`. */
export function testIntegers(random: RandomSource, length: number, below: number): number[] {
  return Array.from({ length }, () => Math.floor(random.next() * below));
}
