import { describe, expect, it } from 'vitest';
import { clientIndex } from '../../core/brands.js';
import type { Evaluation } from '../../core/evaluation.js';
import { EvaluationBounds } from './evaluation-bounds.js';

const client = clientIndex(7);
const says = (bounds: EvaluationBounds, evaluation: Partial<Evaluation>) =>
  bounds.problem(client, { sampleCount: 3, statistics: {}, ...evaluation });

describe('a plan’s evaluations', () => {
  const bounds = new EvaluationBounds({
    clients: 10,
    metrics: new Map([
      ['loss', undefined],
      ['recall', 3],
    ]),
  });

  it('are its metrics, or some of them', () => {
    expect(says(bounds, { statistics: {} })).toBeUndefined();
    expect(says(bounds, { statistics: { loss: { sum: 2, weight: 3 } } })).toBeUndefined();
    const statistics = { loss: { sum: 2, weight: 3 }, recall: { sum: [1, 2, 3], weight: 3 } };
    expect(says(bounds, { statistics })).toBeUndefined();
    expect(says(bounds, { statistics: {}, unsound: { loss: 'is NaN' } })).toBeUndefined();
  });

  it.each<[string, Partial<Evaluation>, RegExp]>([
    ['another name', { statistics: { bonus: { sum: 2, weight: 3 } } }, /Client 7 tells "bonus", which is no metric/],
    ['another name as unsound', { unsound: { bonus: 'is NaN' } }, /"bonus", which is no metric/],
    ['a result', { results: { loss: 2 } }, /"loss", as a result of training code/],
    ['a list for a number', { statistics: { loss: { sum: [1], weight: 1 } } }, /"loss", as a list of 1; .* a number/],
    ['a number for a list', { statistics: { recall: { sum: 1, weight: 1 } } }, /as a number; .* a list of 3/],
    ['a longer list', { statistics: { recall: { sum: [1, 2, 3, 4], weight: 1 } } }, /a list of 4; .* a list of 3/],
  ])('are refused by name with %s', (_, evaluation, message) => {
    expect(says(bounds, evaluation)).toMatchObject({
      code: 'evaluation.metric',
      message: expect.stringMatching(message),
    });
  });
});

describe('a trainer’s evaluations', () => {
  const list = (count: number) => Array.from({ length: count }, (_, i) => i / 7);

  it('have their part of what a round may hold', () => {
    const bounds = new EvaluationBounds({ clients: 4_096 });
    expect(says(bounds, { results: { a: list(1_024) } })).toBeUndefined();
    expect(says(bounds, { results: { a: list(1_000), b: list(25) } })).toMatchObject({
      code: 'evaluation.size',
      message: expect.stringContaining('client 7 has 1025 numbers and 2 characters'),
    });
    const names = Object.fromEntries(list(20).map((_, i) => [`${i}`.padEnd(256, '-'), 1]));
    expect(says(bounds, { results: names })).toMatchObject({ code: 'evaluation.size' });
  });

  it('may have a few numbers, however many clients there are', () => {
    const bounds = new EvaluationBounds({ clients: 1_000_000_000 });
    expect(says(bounds, { results: { a: list(32) } })).toBeUndefined();
    expect(says(bounds, { results: { a: list(33) } })).toMatchObject({ code: 'evaluation.size' });
  });
});

describe('whatever was tested', () => {
  const bounds = new EvaluationBounds({ clients: 10 });

  it.each([-1, 0.5, 1e9 + 1])('the number of samples is not %s', (sampleCount) => {
    expect(says(bounds, { sampleCount })).toMatchObject({ code: 'evaluation.sample-count' });
  });

  it.each<[string, Partial<Evaluation>]>([
    ['a sum', { statistics: { x: { sum: 1e201, weight: 1 } } }],
    ['a sum in a list', { statistics: { x: { sum: [0, -1e201], weight: 1 } } }],
    ['a weight', { statistics: { x: { sum: 1, weight: 1e101 } } }],
    ['a weight that is next to nothing', { statistics: { x: { sum: 1, weight: 1e-101 } } }],
    ['a result', { results: { x: 1e201 } }],
  ])('%s stays where sums over all clients are finite', (_, evaluation) => {
    expect(says(bounds, evaluation)).toMatchObject({
      code: 'evaluation.value',
      message: expect.stringContaining('What client 7 tells as "x"'),
    });
  });
});
