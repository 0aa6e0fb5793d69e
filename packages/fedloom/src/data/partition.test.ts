import { FedloomError, type Tensor } from '@fedloom/engine';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { partitionerSuite } from '../conformance/partitioner-suite.js';
import { describeSuite } from '../conformance/testing/describe-suite.js';
import type { Examples } from './dataset.js';
import { iid } from './iid.js';
import {
  dealExamples,
  definePartition,
  evenOffsets,
  examplesOf,
  type Partition,
  type Partitioner,
} from './partition.js';

describeSuite('partitioner iid', partitionerSuite(iid));

function examples(count: number, label: (row: number) => number = () => 0): Examples {
  const x: Tensor = { dtype: 'uint8', shape: [count, 1], data: new Uint8Array(count) };
  return { x, y: { dtype: 'int32', shape: [count], data: Int32Array.from({ length: count }, (_, row) => label(row)) } };
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof FedloomError) return error.code;
    throw error;
  }
  return 'nothing';
}

const sizes = ({ offsets }: Partition) => [...offsets.subarray(1)].map((end, client) => end - offsets[client]!);

describe('evenOffsets', () => {
  it('cuts into pieces whose sizes differ by at most one', () => {
    expect([...evenOffsets(10, 4)]).toEqual([0, 3, 6, 8, 10]);
    expect([...evenOffsets(2, 4)]).toEqual([0, 1, 2, 2, 2]);
    expect([...evenOffsets(0, 2)]).toEqual([0, 0, 0]);
  });
});

describe('iid', () => {
  it('deals every row once, in nearly equal pieces', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.nat(80), fc.nat(80), (clients, extra, testSize) => {
        const splits = { train: examples(clients + extra), test: examples(testSize) };
        const { train, test } = dealExamples(iid(), splits, clients, 1);
        for (const { partition, examples: all } of [train, test]) {
          expect([...partition.rows].sort((a, b) => a - b)).toEqual(
            Array.from({ length: all.x.shape[0]! }, (_, row) => row),
          );
          expect(Math.max(...sizes(partition)) - Math.min(...sizes(partition))).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('depends on the seed, and on nothing else', () => {
    const splits = { train: examples(100), test: examples(50) };
    const rows = (seed: number) => [...dealExamples(iid(), splits, 10, seed).train.partition.rows];
    expect(rows(1)).toEqual(rows(1));
    expect(rows(1)).not.toEqual(rows(2));
  });

  it('mixes the labels', () => {
    const { train } = dealExamples(
      iid(),
      { train: examples(10_000, (row) => Math.floor(row / 1000)), test: examples(0) },
      10,
      3,
    );
    for (let client = 0; client < 10; client++) {
      const { rows, y } = examplesOf(train, client)!;
      const first = [...rows!].filter((row) => y.data[row] === 0).length;
      // 100 expected, standard deviation about 9.
      expect(Math.abs(first - 100)).toBeLessThan(50);
    }
  });
});

/** What a rule in JavaScript may give. */
const js = (value: unknown) => value as Partition;

describe('dealExamples', () => {
  it('takes plain arrays of whole numbers, and rows that go to several clients where the rule says so', () => {
    const rule = definePartition({
      name: 'shared',
      overlapping: true,
      partition: (_examples, _clients, _random, split) =>
        js(split === 'train' ? { offsets: [0, 2, 4], rows: [0, 1, 1, 1] } : { offsets: [0, 2, 4], rows: [0, 1, 0, 1] }),
    });
    const { train, test } = dealExamples(rule, { train: examples(3), test: examples(2) }, 2, 1);
    expect(train.partition).toEqual({ offsets: Int32Array.of(0, 2, 4), rows: Int32Array.of(0, 1, 1, 1) });
    expect([...(examplesOf(test, 1)?.rows ?? [])]).toEqual([0, 1]);
  });

  it('gives some clients no test samples where there are too few', () => {
    const { test } = dealExamples(iid(), { train: examples(4), test: examples(2) }, 4, 1);
    expect([0, 1, 2, 3].map((client) => examplesOf(test, client)?.rows?.length)).toEqual([1, 1, undefined, undefined]);
  });

  it('refuses fewer training samples than clients, saying both', () => {
    const deal = () => dealExamples(iid(), { train: examples(3), test: examples(0) }, 4, 1);
    expect(deal).toThrow(/3 training samples for 4 clients/);
    expect(codeOf(deal)).toBe('partition.samples');
  });

  it('hands a rule the training samples as they were dealt, when it deals the test samples', () => {
    const seen: unknown[] = [];
    const inner = iid();
    const rule = definePartition({
      name: 'watched',
      partition(given, clients, random, split, train) {
        seen.push([split, train?.examples]);
        return inner.partition(given, clients, random, split);
      },
    });
    const splits = { train: examples(4), test: examples(2) };
    dealExamples(rule, splits, 2, 1);
    expect(seen).toEqual([
      ['train', undefined],
      ['test', splits.train],
    ]);
  });

  it.each<[RegExp, Partition]>([
    [/2 offsets for 2 clients/, { offsets: Int32Array.of(0, 3), rows: Int32Array.of(0, 1, 2) }],
    [/run from 1 to 3/, { offsets: Int32Array.of(1, 2, 3), rows: Int32Array.of(0, 1, 2) }],
    [/run from 0 to 2/, { offsets: Int32Array.of(0, 1, 2), rows: Int32Array.of(0, 1, 2) }],
    [/offsets descend at client 1/, { offsets: Int32Array.of(0, 4, 3), rows: Int32Array.of(0, 1, 2) }],
    [/client 1 gets no training samples/, { offsets: Int32Array.of(0, 3, 3), rows: Int32Array.of(0, 1, 2) }],
    [/row 3 does not exist among 3/, { offsets: Int32Array.of(0, 1, 3), rows: Int32Array.of(0, 1, 3) }],
    [/row -1 does not exist/, { offsets: Int32Array.of(0, 1, 3), rows: Int32Array.of(0, -1, 2) }],
    [
      /clients 0 and 1 both get row 1\. If that is meant, say overlapping: true/,
      { offsets: Int32Array.of(0, 2, 3), rows: Int32Array.of(0, 1, 1) },
    ],
    [/client 1 gets row 2 twice/, { offsets: Int32Array.of(0, 1, 3), rows: Int32Array.of(0, 2, 2) }],
    [/clients 0, 1 get no training samples/, { offsets: Int32Array.of(0, 0, 0), rows: Int32Array.of() }],
    [/offsets\[1\] is NaN, which is no whole number/, js({ offsets: [0, Number.NaN, 3], rows: [0, 1, 2] })],
    [/rows\[2\] is 1\.5, which is no whole number/, js({ offsets: [0, 1, 3], rows: [0, 1, 1.5] })],
    [/rows\[0\] is 0, which is no whole number/, js({ offsets: [0, 1, 3], rows: ['0', 1, 2] })],
    [/offsets is missing; an Int32Array is needed/, js({ rows: [0, 1, 2] })],
    [/rows is no list of numbers/, js({ offsets: [0, 1, 3], rows: new Set([0, 1, 2]) })],
    [/it gave a promise, but a partition is needed at once/, js(Promise.resolve({}))],
    [/it gave undefined; \{ offsets, rows \} is needed/, js(undefined)],
    [/it gave null/, js(null)],
  ])('refuses a rule whose result is no partition: %s', (message, partition) => {
    const deal = () =>
      dealExamples(
        definePartition({ name: 'broken', partition: () => partition }),
        { train: examples(3), test: examples(0) },
        2,
        1,
      );
    expect(deal).toThrow(message);
    expect(deal).toThrow(/"broken", train split/);
    expect(codeOf(deal)).toBe('partition.invalid');
  });
});

describe('definePartition', () => {
  it('refuses what is no partitioner, and freezes what is one', () => {
    expect(codeOf(() => definePartition({ name: '' } as Partitioner))).toBe('partition.definition');
    expect(codeOf(() => definePartition({ name: 'x', partition: 3 } as unknown as Partitioner))).toBe(
      'partition.definition',
    );
    expect(Object.isFrozen(iid())).toBe(true);
  });
});
