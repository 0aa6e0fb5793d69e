import { accuracy, defineMetric, defineShapedMetric } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { reportedMetrics } from './reported-metrics.js';

const own = (name: string, value: (means: readonly number[]) => number) =>
  defineMetric({ name, size: () => 2, perSample: (g, prediction) => g.concat([prediction, prediction], 1), value });

const shaped = (name: string, value: (means: readonly number[], samples: number) => readonly number[]) =>
  defineShapedMetric({ name, shape: () => [2, 1], perSample: (_g, prediction) => prediction, value });
const two = (name: string) => ({ name, rule: 'mean', size: 2, shape: [2, 1] }) as const;

describe('reportedMetrics', () => {
  const metrics = [
    accuracy(),
    own('sum', ([a = 0, b = 0]) => a + b),
    own('undetermined', () => Number.NaN),
    own('broken', () => {
      throw new Error('no such thing');
    }),
    own('text', () => 'high' as never),
    shaped('counts', (means, samples) => means.map((mean) => mean * samples)),
    shaped('short', () => [1]),
    shaped('unknown', () => [1, Number.NaN]),
  ];
  const reported = reportedMetrics(metrics, [two('counts'), two('short'), two('unknown')]);
  const samples = (name: string) => (name === 'counts' ? 8 : 1);

  it('makes of sums what their metrics make of them, and says of those that fail why', () => {
    const ofOne = { accuracy: 0.5, sum: [1, 2], undetermined: [1, 2], broken: [1, 2], text: [1, 2], other: [3] };
    const ofMany = { counts: [0.25, 0.75], short: [1, 2], unknown: [1, 2] };
    const { results, problems } = reported({ ...ofOne, ...ofMany }, samples);
    expect(results).toEqual({ accuracy: 0.5, sum: 3, other: [3], counts: [[2], [6]] });
    expect(problems).toEqual([
      expect.stringMatching(
        /^"broken": no such thing \(reported-metrics\.test\.[jt]s:\d+\)$|^"broken": no such thing$/,
      ),
      '"text": its value is high, and no number',
      '"short": its value is no list of 2 numbers',
    ]);
  });

  it('leaves alone what a result aggregator has made under the same name', () => {
    expect(reported({ broken: 0.25 }, samples)).toEqual({ results: { broken: 0.25 }, problems: [] });
  });
});
