import { describe, expect, it } from 'vitest';
import type { Evaluation } from './evaluation.js';
import { soundEvaluation } from './sound-evaluation.js';

const limits = { namesMax: 3, nameLengthMax: 5, listLengthMax: 2 };

describe('soundEvaluation', () => {
  it('passes what is sound as it is', () => {
    const evaluation: Evaluation = {
      sampleCount: 3,
      statistics: { loss: { sum: 2, weight: 3 }, parts: { sum: [1, -0], weight: 0.5 } },
      results: { f1: 0.5, list: [1, 2] },
    };
    expect(soundEvaluation(evaluation, limits)).toEqual(evaluation);
    expect(soundEvaluation({ ...evaluation, unsound: {} }, limits)).toEqual(evaluation);
  });

  it('leaves out each name that is not, and says why', () => {
    const sound = soundEvaluation(
      {
        sampleCount: 3,
        statistics: { loss: { sum: Number.NaN, weight: 3 }, w: { sum: 1, weight: 0 }, ok: { sum: 1, weight: 1 } },
        results: { a: Number.POSITIVE_INFINITY, b: 'x' as unknown as number, c: [1, 2, 3], d: 1 },
      },
      { ...limits, namesMax: 64 },
    );
    expect(sound).toEqual({
      sampleCount: 3,
      statistics: { ok: { sum: 1, weight: 1 } },
      results: { d: 1 },
      unsound: {
        loss: 'is NaN',
        w: 'has the weight 0; it must be a finite number above 0',
        a: 'is Infinity',
        b: 'is "x"',
        c: 'is a list of 3; at most 2 travel',
      },
    });
  });

  it('tells of names that cannot travel under names that can', () => {
    const results = JSON.parse('{ "__proto__": 1, "": 1, "too long": 1, "fine": 1 }');
    const sound = soundEvaluation({ sampleCount: 1, statistics: {}, results }, limits);
    expect(sound).toMatchObject({ results: { fine: 1 } });
    expect(Object.keys((sound as Evaluation).unsound ?? {})).toEqual(['(__proto__)', '()', 'too l']);
  });

  it('keeps what is said of names that never had a value, as much as can travel', () => {
    const unsound = { a: 'x'.repeat(1000), b: 'y', c: 'z', d: 'w' };
    const sound = soundEvaluation({ sampleCount: 1, statistics: {}, results: { r: 1 }, unsound }, limits) as Evaluation;
    expect(Object.entries(sound.unsound ?? {}).map(([name, why]) => [name, why.length])).toEqual([
      ['a', 256],
      ['b', 1],
      ['c', 1],
    ]);
  });

  it('says nothing of no samples', () => {
    expect(soundEvaluation({ sampleCount: 0, statistics: {}, results: { a: Number.NaN } })).toEqual({
      sampleCount: 0,
      statistics: {},
    });
  });

  it.each<[Partial<Record<keyof Evaluation, unknown>>, RegExp]>([
    [{ sampleCount: 1.5 }, /sample count of 1.5/],
    [{ sampleCount: -1 }, /sample count of -1/],
    [{ sampleCount: 1e12 }, /sample count of 1000000000000; .* to 1000000000/],
    [{ sampleCount: '7' }, /sample count of "7"/],
    [{ sampleCount: undefined }, /sample count of undefined/],
    [{ results: [0.4, 0.9] }, /gave \[0.4,0.9\] as results; they must be an object/],
    [{ results: 'good' }, /gave "good" as results/],
    [{ statistics: null }, /gave null as statistics/],
  ])('refuses %o as a whole', (change, why) => {
    expect(soundEvaluation({ sampleCount: 1, statistics: {}, ...change } as Evaluation)).toMatch(why);
  });
});
