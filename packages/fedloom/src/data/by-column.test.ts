import { describe, expect, it } from 'vitest';
import { partitionerSuite } from '../conformance/partitioner-suite.js';
import { describeSuite } from '../conformance/testing/describe-suite.js';
import { arrays } from './arrays.js';
import { byColumn } from './by-column.js';
import { dealExamples } from './partition.js';

describeSuite(
  'partitioner byColumn',
  partitionerSuite(() => byColumn('site')),
);

async function deal(train: readonly (string | number)[], test: readonly string[], clients: number, seed = 1) {
  const split = (site: readonly (string | number)[]) => ({
    x: site.map((_, at) => at),
    y: site.map(() => 0),
    columns: { site },
  });
  const data = arrays({ train: split(train), test: split(test), classes: 1 });
  const splits = { train: await data.load('train'), test: await data.load('test') };
  const dealt = dealExamples(byColumn('site'), splits, clients, seed);
  const of = ({ offsets, rows }: typeof dealt.train.partition) =>
    Array.from({ length: clients }, (_, client) => [...rows.subarray(offsets[client], offsets[client + 1])]);
  return { train: of(dealt.train.partition), test: of(dealt.test.partition) };
}

describe('byColumn', () => {
  it('makes a client of each text, in the order of the texts', async () => {
    expect(await deal(['b', 'a', 'c', 'a'], ['c', 'zzz', 'a', 'c'], 3)).toEqual({
      train: [[1, 3], [0], [2]],
      test: [[2], [], [0, 3]],
    });
  });

  it('deals texts to fewer clients, whole, by the seed', async () => {
    const sites = Array.from({ length: 60 }, (_, at) => at % 12);
    const { train, test } = await deal(sites, sites.map(String), 5);
    const texts = train.map((rows) => new Set(rows.map((row) => row % 12)));
    expect(texts.map(({ size }) => size)).toEqual([3, 3, 2, 2, 2]);
    expect(new Set(texts.flatMap((one) => [...one])).size).toBe(12);
    expect(train.flat().length).toBe(60);
    expect(test).toEqual(train);
    expect((await deal(sites, [], 5, 2)).train).not.toEqual(train);
  });

  it('needs no column of test samples that are not there', async () => {
    const data = arrays({ train: { x: [1, 2], y: [0, 0], columns: { site: ['a', 'b'] } }, classes: 1 });
    const splits = { train: await data.load('train'), test: await data.load('test') };
    expect(dealExamples(byColumn('site'), splits, 2, 1).test.partition.offsets).toEqual(Int32Array.of(0, 0, 0));
  });

  it('says what there is where something is not', async () => {
    await expect(deal(['a', 'b'], [], 3)).rejects.toThrow(
      /column "site" has 2 texts \(a, b\) for 3 clients: each needs one at least\. Run with 2/,
    );
    const data = arrays({ train: { x: [1], y: [0], columns: { shop: ['a'] } }, classes: 1 });
    const splits = { train: await data.load('train'), test: await data.load('test') };
    expect(() => dealExamples(byColumn('site'), splits, 1, 1)).toThrow(/keeps no column "site" .* There are shop\./);
    const plain = { train: { x: splits.train.x, y: splits.train.y }, test: splits.test };
    expect(() => dealExamples(byColumn('site'), plain, 1, 1)).toThrow(/keeps none/);
  });
});
