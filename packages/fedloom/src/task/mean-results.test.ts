import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Results } from '../core/records.js';
import { meanResultAggregator } from './mean-results.js';

function aggregate(...clients: [index: number, sampleCount: number, results: Results][]): Results {
  const entries = clients.map(([index, sampleCount, results]) => [index, { sampleCount, results }] as const);
  return meanResultAggregator.aggregate(3, new Map(entries));
}

function counts(...clients: [index: number, sampleCount: number, results: Results][]) {
  const entries = clients.map(([index, sampleCount, results]) => [index, { sampleCount, results }] as const);
  return meanResultAggregator.aggregateCounted(3, new Map(entries));
}

describe('meanResultAggregator', () => {
  it('weighs each result by test samples, whatever the number of results', () => {
    // (1 * 0.5 + 3 * 0.9) / 4; a mean divided by the number of names as well would be half of it.
    const mean = aggregate([0, 1, { accuracy: 0.5, loss: 2 }], [1, 3, { accuracy: 0.9, loss: 1 }]);
    expect(mean.accuracy).toBeCloseTo(0.8, 15);
    expect(mean.loss).toBeCloseTo(1.25, 15);
    const alone = aggregate([0, 1, { accuracy: 0.5 }], [1, 3, { accuracy: 0.9 }]);
    expect(alone.accuracy).toBe(mean.accuracy);
  });

  it('takes lists element by element', () => {
    expect(aggregate([0, 1, { recall: [0, 1] }], [1, 1, { recall: [1, 0.5] }])).toEqual({ recall: [0.5, 0.75] });
  });

  it('counts a client that lacks a result in the others only', () => {
    const mean = aggregate([0, 2, { accuracy: 1 }], [1, 2, { accuracy: 0, map: 0.25 }]);
    expect(mean).toEqual({ accuracy: 0.5, map: 0.25 });
  });

  it('gives a client’s own results back when it is alone', () => {
    expect(aggregate([7, 13, { accuracy: 0.1, list: [3] }])).toEqual({ accuracy: 0.1, list: [3] });
  });

  it('lies between the smallest and the largest, and does not depend on the order of arrival', () => {
    const client = fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.double({ min: -1e6, max: 1e6, noNaN: true }));
    fc.assert(
      fc.property(fc.array(client, { minLength: 1, maxLength: 8 }), (clients) => {
        const entries = clients.map(([n, r], i): [number, number, Results] => [i, n, { r }]);
        const mean = aggregate(...entries).r as number;
        const values = clients.map(([, r]) => r);
        const slack = 1e-9 * Math.max(...values.map(Math.abs));
        expect(mean).toBeGreaterThanOrEqual(Math.min(...values) - slack);
        expect(mean).toBeLessThanOrEqual(Math.max(...values) + slack);
        expect(aggregate(...entries.reverse()).r).toBe(mean);
      }),
      { numRuns: 50 },
    );
  });

  it.each<[unknown, string]>([
    [Number.NaN, 'is NaN'],
    [[1, Number.POSITIVE_INFINITY], 'holds Infinity at place 2'],
    ['low', 'is "low"'],
    [null, 'is null'],
    [[1, '2'], 'holds "2" at place 2'],
    [{}, 'is {}'],
    [[], 'is an empty list'],
  ])('leaves out %o of one client alone, and says so; its other results count', (bad, reason) => {
    const counted = counts(
      [0, 1, { loss: 1, accuracy: 0 }],
      [5, 1, { loss: bad as number, accuracy: 1 }],
      [6, 3, { loss: 5, accuracy: 1 }],
    );
    expect(counted).toEqual({
      results: { loss: 4, accuracy: 0.8 },
      clients: { loss: 2, accuracy: 3 },
      unsound: [{ client: 5, result: 'loss', reason }],
      weights: { loss: 4, accuracy: 5 },
    });
  });

  it.each([0, -1, 1.5, Number.NaN, 1e12])('leaves a client out whose sample count is %f', (sampleCount) => {
    const counted = counts([0, 1, { loss: 1 }], [4, sampleCount, { loss: 9 }]);
    expect(counted).toMatchObject({ results: { loss: 1 }, clients: { loss: 1 } });
    expect(counted.unsound).toEqual([
      {
        client: 4,
        result: null,
        reason: `the sample count is ${sampleCount}; it must be a whole number from 1 to 1000000000`,
      },
    ]);
  });

  it('takes the form that most clients give, whoever comes first, and names the others', () => {
    const counted = counts(
      [0, 9, { acc: [0.5] }],
      [1, 1, { acc: 0.25 }],
      [2, 1, { acc: 0.75 }],
      [3, 1, { acc: [1, 2] }],
    );
    expect(counted.results).toEqual({ acc: 0.5 });
    expect(counted.clients).toEqual({ acc: 2 });
    expect(counted.unsound).toEqual([
      { client: 0, result: 'acc', reason: 'is a list of 1, where 2 other clients give a number' },
      { client: 3, result: 'acc', reason: 'is a list of 2, where 2 other clients give a number' },
    ]);
  });

  it('of forms that are equally frequent takes that of the lowest index', () => {
    expect(counts([2, 1, { acc: 1 }], [1, 1, { acc: [2] }]).results).toEqual({ acc: [2] });
  });

  it('has nothing under a name of which nobody gave anything sound', () => {
    expect(counts([0, 1, { loss: Number.NaN }])).toMatchObject({ results: {}, clients: {} });
  });

  it('takes statistics by their own weights', () => {
    const own = (sum: number, weight: number) => ({
      sampleCount: 10,
      results: { perplexity: sum / weight },
      statistics: { perplexity: { sum, weight } },
    });
    const results = new Map([
      [0, own(2, 1)],
      [1, own(30, 3)],
    ]);
    expect(meanResultAggregator.aggregate(0, results)).toEqual({ perplexity: 8 });
  });
});
