import type { Tensor } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { partitionerSuite } from '../conformance/partitioner-suite.js';
import { describeSuite } from '../conformance/testing/describe-suite.js';
import type { Examples } from './dataset.js';
import { dealExamples } from './partition.js';
import { quantitySkew } from './quantity-skew.js';

describeSuite(
  'partitioner quantitySkew',
  partitionerSuite(() => quantitySkew({ alpha: 5 })),
);

function examples(count: number): Examples {
  const y: Tensor = { dtype: 'float32', shape: [count], data: new Float32Array(count) };
  return { x: { dtype: 'uint8', shape: [count, 1], data: new Uint8Array(count) }, y };
}

function sizes(alpha: number, minimum: number, seed: number, clients = 10): { train: number[]; test: number[] } {
  const rule = quantitySkew({ alpha, minimum });
  const { train, test } = dealExamples(rule, { train: examples(10_000), test: examples(1000) }, clients, seed);
  expect(new Set(train.partition.rows).size).toBe(10_000);
  expect(new Set(test.partition.rows).size).toBe(1000);
  const of = ({ offsets }: typeof train.partition) =>
    [...offsets.subarray(1)].map((end, client) => end - (offsets[client] ?? 0));
  return { train: of(train.partition), test: of(test.partition) };
}

describe('quantitySkew', () => {
  it('gives sizes with the variance of the distribution, whatever y is, and tests in the same shares', () => {
    for (const alpha of [0.5, 5]) {
      const draws = Array.from({ length: 100 }, (_, seed) => sizes(alpha, 1, seed));
      const shares = draws.flatMap(({ train }) => train.map((size) => size / 10_000));
      const variance = shares.reduce((sum, share) => sum + (share - 0.1) ** 2, 0) / shares.length;
      const expected = (0.1 * 0.9) / (10 * alpha + 1);
      expect(variance / expected).toBeGreaterThan(0.85);
      expect(variance / expected).toBeLessThan(1.15);
      for (const { train, test } of draws) {
        for (const [client, size] of train.entries())
          expect(Math.abs((test[client] ?? 0) - size / 10)).toBeLessThanOrEqual(1);
      }
    }
  });

  it('gives every client the minimum, or says that it cannot', () => {
    for (let seed = 0; seed < 10; seed++) expect(Math.min(...sizes(0.5, 100, seed).train)).toBeGreaterThanOrEqual(100);
    expect(() => sizes(0.01, 900, 1)).toThrow(
      /quantitySkew: in 20000 tries some client always got fewer than 900 samples/,
    );
    expect(() => sizes(1, 1001, 1)).toThrow(/each needs 1001 at least/);
    expect(() => quantitySkew({ alpha: -1 })).toThrow(/alpha must be a number above 0, not -1/);
  });
});
