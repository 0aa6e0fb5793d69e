import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Results } from '../core/records.js';
import { meanResultAggregator } from './mean-results.js';

function aggregate(...clients: [index: number, sampleCount: number, results: Results][]): Results {
  const entries = clients.map(([index, sampleCount, results]) => [index, { sampleCount, results }] as const);
  return meanResultAggregator.aggregate(3, new Map(entries));
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

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('refuses %f and names the client', (value) => {
    const run = () => aggregate([0, 1, { loss: 1 }], [5, 1, { loss: [1, value] }]);
    expect(run).toThrow(/Round 4, client 5: result "loss" holds/);
    expect(run).toThrow(expect.objectContaining({ code: 'results.not-finite', fields: { client: 5, result: 'loss' } }));
  });

  it.each([
    ['low', /client 2: result "loss" holds low/],
    [null, /holds null/],
    [[1, '2'], /holds 2/],
    [{}, /holds \[object Object\]/],
    [[], /is an empty list/],
  ])('refuses %o, which is neither a number nor a list of numbers', (result, message) => {
    expect(() => aggregate([2, 1, { loss: result as unknown as number }])).toThrow(message);
  });

  it.each([0, -1, 1.5, Number.NaN])('refuses a sample count of %f', (sampleCount) => {
    expect(() => aggregate([4, sampleCount, { loss: 1 }])).toThrow(/client 4: test reported a sample count of/);
  });

  it.each([
    [[1, 2, 3], 'a list of 3'],
    [1, 'a number'],
  ])('refuses results of another form: %o', (second, text) => {
    const run = () => aggregate([0, 1, { loss: [1, 2] }], [1, 1, { loss: second }]);
    expect(run).toThrow(`client 1: result "loss" is ${text}, but a list of 2`);
  });
});
