import type { Tensor } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { partitionerSuite } from '../conformance/partitioner-suite.js';
import { describeSuite } from '../conformance/testing/describe-suite.js';
import type { Examples } from './dataset.js';
import { type DirichletOptions, dirichlet } from './dirichlet.js';
import { dealExamples } from './partition.js';

describeSuite(
  'partitioner dirichlet',
  partitionerSuite(() => dirichlet({ alpha: 5 })),
);
describeSuite(
  'partitioner dirichlet, as FedML has it',
  partitionerSuite(() => dirichlet({ alpha: 5, rule: 'fedml' })),
);

function examples(count: number, labels: number): Examples {
  const y: Tensor = {
    dtype: 'int32',
    shape: [count],
    data: Int32Array.from({ length: count }, (_, row) => row % labels),
  };
  return { x: { dtype: 'uint8', shape: [count, 1], data: new Uint8Array(count) }, y };
}

/** Samples of each label, by client. */
function table(options: DirichletOptions, clients: number, seed = 1, count = 10_000): number[][] {
  const splits = { train: examples(count, 10), test: examples(1000, 10) };
  const { train, test } = dealExamples(dirichlet(options), splits, clients, seed);
  const { offsets, rows } = train.partition;
  expect(rows.length).toBe(count);
  expect(new Set(test.partition.rows).size).toBe(test.partition.rows.length);
  return Array.from({ length: clients }, (_, client) => {
    const counts = Array.from({ length: 10 }, () => 0);
    for (const row of rows.subarray(offsets[client], offsets[client + 1]))
      counts[row % 10] = (counts[row % 10] ?? 0) + 1;
    return counts;
  });
}

const sizesOf = (counts: readonly (readonly number[])[]) =>
  counts.map((row) => row.reduce((sum, count) => sum + count, 0));

describe('dirichlet', () => {
  it('cuts each label in shares with the variance of the distribution', () => {
    const clients = 8;
    for (const alpha of [0.3, 1, 10]) {
      const shares = Array.from({ length: 25 }, (_, seed) =>
        table({ alpha }, clients, seed)
          .flat()
          .map((count) => count / 1000),
      );
      const all = shares.flat();
      const variance = all.reduce((sum, share) => sum + (share - 1 / clients) ** 2, 0) / all.length;
      const expected = ((1 / clients) * (1 - 1 / clients)) / (clients * alpha + 1);
      expect(variance / expected).toBeGreaterThan(0.85);
      expect(variance / expected).toBeLessThan(1.15);
    }
  });

  it('is nearly IID for a large alpha, and leaves one or two labels for a small one', () => {
    for (const counts of table({ alpha: 1e6 }, 5))
      for (const count of counts) expect(Math.abs(count - 200)).toBeLessThan(5);
    const main = table({ alpha: 0.01 }, 5).flatMap((counts) => counts.filter((count) => count > 900));
    expect(main.length).toBeGreaterThanOrEqual(8);
  });

  it('as FedML has it: a client with its even share gets nothing of the labels that follow', () => {
    const clients = 4;
    for (let seed = 0; seed < 20; seed++) {
      for (const counts of table({ alpha: 0.5, rule: 'fedml' }, clients, seed)) {
        let held = 0;
        for (const count of counts) {
          if (held >= 10_000 / clients) expect(count).toBe(0);
          held += count;
        }
      }
    }
    const spread = (rule: 'standard' | 'fedml') => {
      const sizes = Array.from({ length: 20 }, (_, seed) => sizesOf(table({ alpha: 0.5, rule }, clients, seed))).flat();
      return sizes.reduce((sum, size) => sum + (size - 2500) ** 2, 0);
    };
    expect(spread('fedml')).toBeLessThan(spread('standard') / 2);
  });

  it('gives every client the minimum, and by the seed', () => {
    for (let seed = 0; seed < 10; seed++)
      expect(Math.min(...sizesOf(table({ alpha: 0.3, minimum: 300 }, 10, seed)))).toBeGreaterThanOrEqual(300);
    expect(table({ alpha: 0.3 }, 10, 3)).toEqual(table({ alpha: 0.3 }, 10, 3));
    expect(table({ alpha: 0.3 }, 10, 3)).not.toEqual(table({ alpha: 0.3 }, 10, 4));
  });

  it('ends, saying how near it came, where the minimum is out of reach', () => {
    expect(() => table({ alpha: 0.01, minimum: 500 }, 20)).toThrow(
      /dirichlet: in 1000 tries some client always got fewer than 500 samples; \d+ was the most that the poorest had\. Take a larger alpha/,
    );
    expect(() => table({ alpha: 1, minimum: 501 }, 20)).toThrow(
      /10000 training samples for 20 clients: each needs 501 at least\. Take fewer clients or a smaller minimum/,
    );
  });

  it.each([
    [/alpha must be a number above 0, not 0/, { alpha: 0 }],
    [/alpha must be a number above 0, not NaN/, { alpha: Number.NaN }],
    [/minimum must be a whole number of at least 1, not 0/, { alpha: 1, minimum: 0 }],
    [/rule must be standard or fedml, not lda/, { alpha: 1, rule: 'lda' }],
  ])('refuses options at once: %s', (message, options) => {
    expect(() => dirichlet(options as DirichletOptions)).toThrow(message);
  });

  it('refuses targets that are no labels', () => {
    const { x } = examples(10, 2);
    const regression: Examples = { x, y: { dtype: 'float32', shape: [10], data: new Float32Array(10) } };
    expect(() => dealExamples(dirichlet({ alpha: 1 }), { train: regression, test: regression }, 2, 1)).toThrow(
      /"dirichlet" goes by class labels, but y is float32/,
    );
  });
});
