import { describe, expect, it } from 'vitest';
import { listLines, metricLines } from './summary.js';

describe('results for people', () => {
  const long = Array.from({ length: 12 }, (_, at) => at + 0.5);
  const results = {
    accuracy: 0.5,
    loss: 1,
    confusionMatrix: [
      [3, 0],
      [1, 12],
    ],
  };

  it('numbers, a line each', () => {
    expect(metricLines(results, {})).toEqual(['accuracy    50.00 %', 'loss        1.0000']);
  });

  it('lists by their first numbers, matrices row by row', () => {
    expect(listLines(results, {})).toEqual(['confusion matrix', '  3, 0', '  1, 12']);
    expect(listLines({ list: long }, {})).toEqual([
      `list        ${long
        .slice(0, 10)
        .map((one) => one.toFixed(4).slice(0, 6))
        .join(', ')}, ... (12 in all)`,
    ]);
    expect(listLines({ table: long.map((one) => [one]) }, {}).at(-1)).toBe('  ... (12 rows in all)');
    expect(listLines({ cube: [[[1], [2]]] }, {})).toEqual(['cube', '  a list of 1, a list of 1']);
  });
});
