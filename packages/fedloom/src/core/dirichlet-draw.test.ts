import { describe, expect, it } from 'vitest';
import { logGammas, sharesOf } from './dirichlet-draw.js';
import { RandomStream } from './random.js';

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('logGammas', () => {
  it.each([0.1, 0.5, 1, 3, 20])('has the moments of Gamma(%d)', (alpha) => {
    const values = Array.from(logGammas(RandomStream.of(1, 'gamma'), alpha, 40_000), Math.exp);
    const average = mean(values);
    const variance = mean(values.map((value) => (value - average) ** 2));
    // Standard errors: sqrt(alpha / n), and about sqrt((6 / alpha + 2) / n) of the variance.
    expect(Math.abs(average - alpha)).toBeLessThan(5 * Math.sqrt(alpha / 40_000));
    expect(Math.abs(variance / alpha - 1)).toBeLessThan(5 * Math.sqrt((6 / alpha + 2) / 40_000));
  });
});

describe('sharesOf', () => {
  it.each([1e-4, 0.1, 1, 1000])('gives draws from the Dirichlet distribution with alpha %d', (alpha) => {
    const random = RandomStream.of(2, 'dirichlet');
    const draws = Array.from({ length: 4000 }, () => sharesOf(logGammas(random, alpha, 4), () => true));
    for (const draw of draws) expect(draw.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
    const variance = ((1 / 4) * (3 / 4)) / (4 * alpha + 1);
    for (let at = 0; at < 4; at++) {
      const shares = draws.map((draw) => draw[at] ?? 0);
      expect(Math.abs(mean(shares) - 0.25)).toBeLessThan(5 * Math.sqrt(variance / 4000));
      expect(mean(shares.map((share) => (share - 0.25) ** 2)) / variance).toBeGreaterThan(0.8);
      expect(mean(shares.map((share) => (share - 0.25) ** 2)) / variance).toBeLessThan(1.2);
    }
  });

  it('leaves out those that do not take part', () => {
    const shares = sharesOf(Float64Array.of(-1000, 5, -1001), (at) => at !== 1);
    expect(shares[1]).toBe(0);
    expect((shares[0] ?? 0) / (shares[2] ?? 0)).toBeCloseTo(Math.E, 10);
  });
});
