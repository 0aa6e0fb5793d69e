import { describe, expect, it } from 'vitest';
import {
  counted,
  cut,
  fitting,
  formatCount,
  formatDuration,
  formatMetric,
  metricLabel,
  scalarMetrics,
  visibleWidth,
  wrapped,
} from './format.js';

describe('numbers for people', () => {
  it('durations', () => {
    const cases: [number, string][] = [
      [40, '0.0 s'],
      [9_940, '9.9 s'],
      [9_960, '10 s'],
      [99_400, '99 s'],
      [185_000, '3 min 5 s'],
      [5_999_000, '99 min 59 s'],
      [7_800_000, '2 h 10 min'],
    ];
    for (const [ms, text] of cases) expect(formatDuration(ms)).toBe(text);
  });

  it('metrics: accuracies in percent, others with digits that tell something', () => {
    expect(formatMetric('accuracy', 0.97123)).toBe('97.12 %');
    expect(formatMetric('top5Accuracy', 1)).toBe('100.00 %');
    expect(formatMetric('loss', 0.123456)).toBe('0.1235');
    expect(formatMetric('loss', 34.5678)).toBe('34.57');
    expect(formatMetric('loss', 1.2e-7)).toBe('1.200e-7');
    expect(formatMetric('loss', 0)).toBe('0.0000');
    expect(formatMetric('loss', Number.NaN)).toBe('NaN');
    expect(metricLabel('meanSquaredError')).toBe('mean squared error');
  });

  it('the most telling metric first; lists are no numbers', () => {
    const results = { loss: 1, perClass: [1, 2], f1: 0.5, accuracy: 0.25 };
    expect(scalarMetrics(results).map(([name]) => name)).toEqual(['accuracy', 'f1', 'loss']);
    expect(scalarMetrics(null)).toEqual([]);
  });

  it('counts', () => {
    expect(formatCount(31402.4)).toBe('31,402');
    expect([counted(1, 'client'), counted(0, 'client'), counted(2, 'process')]).toEqual([
      '1 client',
      '0 clients',
      '2 processes',
    ]);
  });
});

describe('wrapped', () => {
  it('keeps all parts, in as many lines as they need', () => {
    const parts = ['mnist', 'fedAvg', '100 clients, 10 a round', 'seed 0'];
    expect(wrapped(parts, 80)).toEqual(['mnist · fedAvg · 100 clients, 10 a round · seed 0']);
    expect(wrapped(parts, 32)).toEqual(['mnist · fedAvg', '100 clients, 10 a round · seed 0']);
    expect(wrapped(parts, 5)).toEqual(parts);
  });
});

describe('fitting', () => {
  it('leaves out parts from the end, never the first; colours take no room', () => {
    const red = '\u001b[31mred\u001b[39m';
    expect(visibleWidth(red)).toBe(3);
    expect(fitting(['one', red, 'three'], 17)).toBe(`one · ${red} · three`);
    expect(fitting(['one', red, 'three'], 16)).toBe(`one · ${red}`);
    expect(fitting(['a long first part', 'b'], 5)).toBe('a long first part');
    expect(cut('abcdef', 4)).toBe('abc…');
    expect(cut('abcd', 4)).toBe('abcd');
  });
});
