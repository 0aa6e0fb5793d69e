import { describe, expect, it } from 'vitest';
import { flattenNumbers, type NestedNumbers } from './nested-numbers.js';

const problem = (text: string) => new Error(`the list ${text}`);

describe('flattenNumbers', () => {
  it('finds shape and row-major values', () => {
    expect(flattenNumbers([[[1, 2]], [[3, 4]], [[5, 6]]], problem)).toEqual({
      shape: [3, 1, 2],
      values: Float64Array.of(1, 2, 3, 4, 5, 6),
    });
    expect(flattenNumbers(7, problem)).toEqual({ shape: [], values: Float64Array.of(7) });
    expect(flattenNumbers([], problem).shape).toEqual([0]);
  });

  it('takes no memory for what is not there, and no stack for what no array has', () => {
    const wide = [Array.from({ length: 100_000 }, () => 0), ...Array.from({ length: 99_999 }, () => 0)];
    expect(() => flattenNumbers(wide, problem)).toThrow('is ragged: its first elements have shape [100000, 100000]');
    const deep = JSON.parse('['.repeat(50_000) + ']'.repeat(50_000)) as NestedNumbers;
    expect(() => flattenNumbers(deep, problem)).toThrow('is nested on 50000 levels; at most 64 are read');
  });

  it.each<[NestedNumbers, string]>([
    [[[1, 2], [3]], 'the list is ragged: its first elements have shape [2, 2], which does not hold at [1]'],
    [[[1, 2], 3], 'the list is ragged: its first elements have shape [2, 2], which does not hold at [1]'],
    [[1, [2]], 'the list holds something else than a number at [1]'],
    [[[[]], [[1]]], 'the list is ragged: its first elements have shape [2, 1, 0], which does not hold at [1, 0]'],
    [['1'] as unknown as NestedNumbers, 'the list holds something else than a number at [0]'],
  ])('refuses %j', (lists, message) => {
    expect(() => flattenNumbers(lists, problem)).toThrow(message);
  });
});
