import { FedloomError, type Tensor } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { partitionerSuite } from '../conformance/partitioner-suite.js';
import { describeSuite } from '../conformance/testing/describe-suite.js';
import { RandomStream } from '../core/random.js';
import type { Examples } from './dataset.js';
import { type Dealt, dealExamples, examplesOf } from './partition.js';
import { shards } from './shards.js';

describeSuite('partitioner shards', partitionerSuite(shards));

function examplesWith(labels: ArrayLike<number>): Examples {
  const y: Tensor = { dtype: 'int32', shape: [labels.length], data: Int32Array.from(labels) };
  return { x: { dtype: 'uint8', shape: [labels.length, 1], data: new Uint8Array(labels.length) }, y };
}

function randomLabels(count: number, stream: number): number[] {
  const random = RandomStream.of(4, 'labels', stream);
  // Unequal classes, as in MNIST.
  return Array.from({ length: count }, () => Math.min(9, Math.floor(random.next() * 10.6)));
}

function labelCounts(dealt: Dealt, client: number): Map<number, number> {
  const counts = new Map<number, number>();
  const { y, rows = [] } = examplesOf(dealt, client) ?? { y: dealt.examples.y };
  for (const row of rows) counts.set(y.data[row] as number, (counts.get(y.data[row] as number) ?? 0) + 1);
  return counts;
}

describe('shards', () => {
  const splits = { train: examplesWith(randomLabels(60_000, 0)), test: examplesWith(randomLabels(10_000, 1)) };
  const { train, test } = dealExamples(shards(), splits, 100, 1);

  it('gives each of 100 clients 600 samples of few labels, every sample once', () => {
    for (let client = 0; client < 100; client++) {
      expect(examplesOf(train, client)!.rows!.length).toBe(600);
      // A shard of 300 spans two labels at most where classes are larger than that.
      expect(labelCounts(train, client).size).toBeLessThanOrEqual(4);
    }
    expect(new Set(train.partition.rows).size).toBe(60_000);
    const few = Array.from({ length: 100 }, (_, client) => labelCounts(train, client).size).filter(
      (labels) => labels <= 2,
    );
    expect(few.length).toBeGreaterThan(80);
  });

  it('tests each client on its own labels, in the shares it trains on', () => {
    for (let client = 0; client < 100; client++) {
      const trained = labelCounts(train, client);
      for (const [label, count] of labelCounts(test, client)) {
        expect(trained.has(label)).toBe(true);
        const share = splits.test.y.data.filter((other) => other === label).length;
        const whole = splits.train.y.data.filter((other) => other === label).length;
        expect(Math.abs(count - (trained.get(label)! * share) / whole)).toBeLessThanOrEqual(1);
      }
    }
    expect(new Set(test.partition.rows).size).toBe(10_000);
  });

  it('deals shards at random, by the seed', () => {
    const first = (seed: number) => [
      ...dealExamples(shards(), splits, 100, seed).train.partition.rows.subarray(0, 600),
    ];
    expect(first(1)).toEqual([...train.partition.rows.subarray(0, 600)]);
    expect(first(1)).not.toEqual(first(2));
    const lowest = Array.from({ length: 100 }, (_, client) => Math.min(...labelCounts(train, client).keys()));
    expect(lowest).not.toEqual([...lowest].sort((a, b) => a - b));
  });

  it('takes any number of shards a client, also when they do not divide the samples', () => {
    const dealt = dealExamples(
      shards({ perClient: 3 }),
      { train: examplesWith(randomLabels(100, 2)), test: examplesWith([]) },
      7,
      1,
    );
    const sizes = Array.from({ length: 7 }, (_, client) => examplesOf(dealt.train, client)!.rows!.length);
    expect(sizes.reduce((a, b) => a + b)).toBe(100);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(3);
    expect(new Set(dealt.train.partition.rows).size).toBe(100);
  });

  it('deals test samples of labels that nobody trains on to nobody', () => {
    const dealt = dealExamples(shards(), { train: examplesWith([0, 0, 1, 1]), test: examplesWith([0, 1, 2, 2]) }, 2, 1);
    expect([...dealt.test.partition.rows].sort()).toEqual([0, 1]);
  });

  it.each([0, -1, 1.5])('refuses %d shards a client', (perClient) => {
    expect(() => shards({ perClient })).toThrow(FedloomError);
  });

  it('refuses more shards than samples, and targets that are no labels', () => {
    const small = { train: examplesWith([0, 1, 2]), test: examplesWith([]) };
    expect(() => dealExamples(shards(), small, 2, 1)).toThrow(/3 training samples for 4 shards \(2 clients, 2 each\)/);
    const regression: Examples = {
      x: splits.train.x,
      y: { dtype: 'float32', shape: [60_000], data: new Float32Array(60_000) },
    };
    expect(() => dealExamples(shards(), { train: regression, test: splits.test }, 2, 1)).toThrow(
      /"shards" goes by class labels, but y is float32/,
    );
  });
});
