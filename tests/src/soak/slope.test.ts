import { RandomStream } from 'fedloom';
import { describe, expect, it } from 'vitest';
import { slopeOf } from './slope.js';

const POINTS = 200;
const TRIES = 400;

/** A line with noise, of which each value keeps this part of the one before. */
function line(slope: number, kept: number, seed: number): [number, number][] {
  const random = RandomStream.of(seed, 'noise');
  let noise = 0;
  return Array.from({ length: POINTS }, (_, x) => {
    noise = kept * noise + random.normal();
    return [x, 7 + slope * x + noise];
  });
}

const share = (holds: (seed: number) => boolean) =>
  Array.from({ length: TRIES }, (_, seed) => seed).filter(holds).length / TRIES;

describe('the slope of a line', () => {
  it('is exact where there is no noise', () => {
    const { slope, low, high } = slopeOf(Array.from({ length: 20 }, (_, x) => [x, 3 - 2 * x] as const));
    expect(slope).toBeCloseTo(-2, 12);
    expect([low, high].map((one) => Math.abs(one + 2) < 1e-9)).toEqual([true, true]);
  });

  it.each([0, 0.5])('lies in the interval about as often as it says, with noise that keeps %s', (kept) => {
    const found = share((seed) => {
      const { low, high } = slopeOf(line(0.01, kept, seed));
      return low <= 0.01 && 0.01 <= high;
    });
    expect(found).toBeGreaterThan(0.85);
    expect(found).toBeLessThan(0.99);
  });

  it('is told from zero where something grows', () => {
    expect(share((seed) => slopeOf(line(0.02, 0.3, seed)).low > 0)).toBeGreaterThan(0.95);
  });

  it('needs points enough, and different ones', () => {
    expect(() => slopeOf([[0, 0]])).toThrow(RangeError);
    expect(() => slopeOf(Array.from({ length: 30 }, () => [1, 1] as const))).toThrow(RangeError);
  });
});
