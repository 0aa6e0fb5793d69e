import { accuracy, defineMetric } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { reportedMetrics } from './reported-metrics.js';

const own = (name: string, value: (means: readonly number[]) => number) =>
  defineMetric({ name, size: () => 2, perSample: (g, prediction) => g.concat([prediction, prediction], 1), value });

describe('reportedMetrics', () => {
  const reported = reportedMetrics([
    accuracy(),
    own('sum', ([a = 0, b = 0]) => a + b),
    own('undetermined', () => Number.NaN),
    own('broken', () => {
      throw new Error('no such thing');
    }),
    own('text', () => 'high' as never),
  ]);

  it('makes of sums what their metrics make of them, and says of those that fail why', () => {
    const given = { accuracy: 0.5, sum: [1, 2], undetermined: [1, 2], broken: [1, 2], text: [1, 2], other: [3] };
    const { results, problems } = reported(given);
    expect(results).toEqual({ accuracy: 0.5, sum: 3, other: [3] });
    expect(problems).toEqual([
      expect.stringMatching(
        /^"broken": no such thing \(reported-metrics\.test\.[jt]s:\d+\)$|^"broken": no such thing$/,
      ),
      '"text": its value is high, and no number',
    ]);
  });

  it('leaves alone what a result aggregator has made under the same name', () => {
    expect(reported({ broken: 0.25 })).toEqual({ results: { broken: 0.25 }, problems: [] });
  });
});
