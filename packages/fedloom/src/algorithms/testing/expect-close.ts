import { expect } from 'vitest';

/** Every element within `tolerance` of the expected one, relative to the largest expected magnitude (at least 1). */
export function expectClose(actual: readonly number[], expected: readonly number[], tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  const scale = Math.max(1, ...expected.map(Math.abs));
  const worst = Math.max(...actual.map((value, i) => Math.abs(value - expected[i]!) / scale));
  expect(worst, `largest relative difference ${worst}`).toBeLessThanOrEqual(tolerance);
}

/** The largest difference between two vectors. */
export function distance(a: readonly number[], b: readonly number[]): number {
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));
}
