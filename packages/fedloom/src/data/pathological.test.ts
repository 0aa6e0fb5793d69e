import type { Tensor } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { partitionerSuite } from '../conformance/partitioner-suite.js';
import { describeSuite } from '../conformance/testing/describe-suite.js';
import type { Examples } from './dataset.js';
import { dealExamples } from './partition.js';
import { pathological } from './pathological.js';

describeSuite(
  'partitioner pathological',
  partitionerSuite(() => pathological({ classes: 2 })),
);

function examples(labels: readonly number[]): Examples {
  const y: Tensor = { dtype: 'int32', shape: [labels.length], data: Int32Array.from(labels) };
  return { x: { dtype: 'uint8', shape: [labels.length, 1], data: new Uint8Array(labels.length) }, y };
}

const mixed = (count: number) => examples(Array.from({ length: count }, (_, row) => row % 10));

describe('pathological', () => {
  it.each([
    [10, 2],
    [25, 3],
    [100, 1],
    [7, 10],
  ])(
    'gives %d clients %d labels each, each label to as many clients as any other, give or take one',
    (clients, classes) => {
      const { train, test } = dealExamples(
        pathological({ classes }),
        { train: mixed(5000), test: mixed(500) },
        clients,
        4,
      );
      const labelsOf = ({ offsets, rows }: typeof train.partition, client: number) =>
        new Set([...rows.subarray(offsets[client], offsets[client + 1])].map((row) => row % 10));
      const holders = Array.from({ length: 10 }, () => 0);
      for (let client = 0; client < clients; client++) {
        const own = labelsOf(train.partition, client);
        expect(own.size).toBe(classes);
        for (const label of own) holders[label] = (holders[label] ?? 0) + 1;
        for (const label of labelsOf(test.partition, client)) expect(own.has(label)).toBe(true);
      }
      expect(Math.max(...holders) - Math.min(...holders)).toBeLessThanOrEqual(1);
      // Whole labels: all samples of those that somebody has.
      expect(train.partition.rows.length).toBe(holders.filter((count) => count > 0).length * 500);
      expect(new Set(train.partition.rows).size).toBe(train.partition.rows.length);
    },
  );

  it('is random by the seed', () => {
    const rows = (seed: number) =>
      dealExamples(pathological({ classes: 2 }), { train: mixed(500), test: mixed(10) }, 10, seed).train.partition.rows;
    expect(rows(1)).toEqual(rows(1));
    expect(rows(1)).not.toEqual(rows(2));
  });

  it('refuses what cannot be', () => {
    const deal = (classes: number, labels: readonly number[], clients: number) => () =>
      dealExamples(pathological({ classes }), { train: examples(labels), test: examples([]) }, clients, 1);
    expect(deal(3, [0, 1, 0, 1, 0, 1], 2)).toThrow(/classes is 3, but the training samples have 2 labels/);
    expect(deal(2, [0, 1, 0, 1], 3)).toThrow(/4 training samples for 3 clients with 2 labels each/);
    expect(deal(2, [0, 0, 0, 0, 0, 1], 3)).toThrow(/label 1 has 1 samples for 3 clients/);
    expect(() => pathological({ classes: 0 })).toThrow(/classes must be a whole number of at least 1, not 0/);
  });
});
