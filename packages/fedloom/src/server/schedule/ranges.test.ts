import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clientIndex, knownClient } from '../../core/brands.js';
import { appendIndex, commonRanges, describeClients, describeRanges, splitRanges, withoutClients } from './ranges.js';

describe('splitRanges', () => {
  it('keeps ranges that lie inside and tells those that do not', () => {
    const { inside, outside } = splitRanges(
      [
        { from: 8, count: 2 },
        { from: 0, count: 3 },
        { from: 9, count: 2 },
        { from: -1, count: 2 },
      ],
      10,
    );
    expect(inside).toEqual([
      { from: 0, count: 3 },
      { from: 8, count: 2 },
    ]);
    expect(outside).toEqual([
      { from: 9, count: 2 },
      { from: -1, count: 2 },
    ]);
  });

  it.each([
    { from: Number.NaN, count: 1 },
    { from: 0, count: 0 },
    { from: 0, count: -1 },
    { from: 0.5, count: 1 },
    { from: 0, count: Number.POSITIVE_INFINITY },
    { from: 2 ** 60, count: 2 ** 60 },
  ])('refuses %o', (range) => {
    expect(splitRanges([range], 10)).toEqual({ inside: [], outside: [range] });
  });

  it('names every client of overlapping ranges once, ascending', () => {
    const range = fc.record({ from: fc.nat(30), count: fc.integer({ min: 1, max: 10 }) });
    fc.assert(
      fc.property(fc.array(range), (ranges) => {
        const all = ranges.flatMap(({ from, count }) => Array.from({ length: count }, (_, i) => from + i));
        const { inside, outside } = splitRanges(ranges, 40);
        const named = inside.flatMap(({ from, count }) => Array.from({ length: count }, (_, i) => from + i));
        expect(outside).toEqual([]);
        expect(named).toEqual([...new Set(all)].sort((a, b) => a - b));
      }),
    );
  });
});

describe('for people', () => {
  it('joins neighbours', () => {
    expect(describeClients([clientIndex(12), clientIndex(3), clientIndex(10), clientIndex(11)])).toBe(
      'clients 3, 10-12',
    );
    expect(describeClients([clientIndex(7)])).toBe('client 7');
  });

  it('cuts long lists and counts the rest', () => {
    const ranges = Array.from({ length: 5 }, (_, i) => ({ from: 10 * i, count: 2 }));
    expect(describeRanges(ranges, 2)).toBe('0-1, 10-11 and 6 more');
  });

  it('appends only to the last range', () => {
    const ranges = [{ from: 0, count: 1 }];
    appendIndex(ranges, 1);
    appendIndex(ranges, 5);
    expect(ranges).toEqual([
      { from: 0, count: 2 },
      { from: 5, count: 1 },
    ]);
  });
});

describe('commonRanges', () => {
  it('holds what both hold, in their form', () => {
    const set = fc.uniqueArray(fc.nat(30)).map((indices) => [...indices].sort((a, b) => a - b));
    const rangesOf = (indices: readonly number[]) => {
      const ranges: { from: number; count: number }[] = [];
      for (const index of indices) appendIndex(ranges, index);
      return ranges;
    };
    fc.assert(
      fc.property(set, set, (one, other) => {
        const both = one.filter((index) => other.includes(index));
        const common = commonRanges(rangesOf(one), rangesOf(other));
        expect(common.flatMap(({ from, count }) => Array.from({ length: count }, (_, i) => from + i))).toEqual(both);
      }),
    );
  });
});

describe('withoutClients', () => {
  it('leaves the others, in their form', () => {
    const set = fc.uniqueArray(fc.nat(30)).map((indices) => [...indices].sort((a, b) => a - b));
    fc.assert(
      fc.property(set, set, (all, gone) => {
        const ranges: { from: number; count: number }[] = [];
        for (const index of all) appendIndex(ranges, index);
        const rest = withoutClients(ranges, gone.map(knownClient));
        expect(rest.flatMap(({ from, count }) => Array.from({ length: count }, (_, i) => from + i))).toEqual(
          all.filter((index) => !gone.includes(index)),
        );
      }),
    );
  });
});
