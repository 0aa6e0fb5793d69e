import { describe, expect, it } from 'vitest';
import { describeExamples, describeNumbers, describeTexts, mergeDescriptions } from './describe.js';
import type { DataDescription } from './description.js';

const unlike = (what: string) => new Error(what);

describe('descriptions', () => {
  it('of numbers leave blanks out', () => {
    expect(describeNumbers('a', [1, Number.NaN, 3, 5])).toEqual({
      kind: 'numbers',
      name: 'a',
      count: 3,
      blank: 1,
      mean: 3,
      deviation: Math.sqrt(8 / 3),
      minimum: 1,
      maximum: 5,
    });
    expect(describeNumbers('a', [Number.NaN])).toMatchObject({ count: 0, blank: 1, mean: 0, deviation: 0 });
  });

  it('of texts count each, as long as they may be categories', () => {
    expect(describeTexts('t', ['b', undefined, 'a', 'b'])).toEqual({
      kind: 'texts',
      name: 't',
      count: 3,
      blank: 1,
      distinct: 2,
      texts: { a: 1, b: 2 },
    });
    const many = describeTexts(
      't',
      Array.from({ length: 101 }, (_, at) => `text ${at}`),
    );
    expect([many.distinct, many.texts]).toEqual([101, undefined]);
  });

  it('of samples are by input, and of the label', () => {
    const x = { dtype: 'float32' as const, shape: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) };
    const y = { dtype: 'int32' as const, shape: [3], data: Int32Array.of(0, 1, 1) };
    const spec = {
      x: { dtype: 'float32' as const, shape: [2] },
      y: { dtype: 'int32' as const, shape: [], classes: 2 },
    };
    const all = describeExamples({ x, y, rows: Int32Array.of(0, 2) }, spec);
    expect(all).toMatchObject({
      samples: 2,
      columns: [
        { name: 'x[0]', mean: 3, deviation: 2 },
        { name: 'x[1]', mean: 4, deviation: 2 },
        { name: 'y', texts: { 0: 1, 1: 1 } },
      ],
    });
  });

  it('add up to those of all samples together', () => {
    const sites = [[1, 2, 3], [10, Number.NaN], [Number.NaN], [-4, 0.5, 7, 7]];
    const part = (values: readonly number[], texts: readonly string[]): DataDescription => ({
      samples: values.length,
      columns: [describeNumbers('a', values), describeTexts('t', texts)],
    });
    const together = mergeDescriptions(
      sites.map((values, at) => part(values, ['x', `site ${at}`])),
      unlike,
    );
    const whole = describeNumbers('a', sites.flat());
    const [numbers, texts] = together?.columns ?? [];
    if (numbers?.kind !== 'numbers') throw new Error('no numbers');
    expect(numbers).toEqual({ ...whole, mean: numbers.mean, deviation: numbers.deviation });
    expect(numbers.mean).toBeCloseTo(whole.mean, 12);
    expect(numbers.deviation).toBeCloseTo(whole.deviation, 12);
    expect(texts).toMatchObject({ count: 8, texts: { x: 4, 'site 0': 1, 'site 3': 1 }, distinct: 5 });
    expect(together?.samples).toBe(10);
    const marked = (NA: number): DataDescription => ({
      samples: 1,
      columns: [{ ...describeNumbers('a', [1]), texts: { NA } }],
    });
    expect(
      mergeDescriptions(
        [marked(1), part([1], ['x']), marked(2)].map((one) => ({ ...one, columns: one.columns.slice(0, 1) })),
        unlike,
      )?.columns[0],
    ).toMatchObject({ texts: { NA: 3 } });
  });

  it('do not add up where columns differ', () => {
    const one = (name: string, values: readonly number[]): DataDescription => ({
      samples: 1,
      columns: [describeNumbers(name, values)],
    });
    const texts: DataDescription = { samples: 1, columns: [describeTexts('a', ['x'])] };
    expect(() => mergeDescriptions([one('a', [1]), one('b', [1])], unlike)).toThrow(/columns a, and columns b/);
    expect(() => mergeDescriptions([one('a', [1]), texts], unlike)).toThrow(/numbers, and texts, in column "a"/);
    expect(() => mergeDescriptions([{ ...texts, vocabulary: ['x'] }, texts], unlike)).toThrow(
      /vocabularies do not add up/,
    );
    expect(mergeDescriptions([], unlike)).toBeUndefined();
  });
});
