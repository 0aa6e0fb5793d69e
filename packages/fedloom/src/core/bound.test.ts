import { describe, expect, it } from 'vitest';
import { parseBound } from './bound.js';

describe('parseBound', () => {
  it.each<[number | string, number | null, number | null]>([
    ['none', null, null],
    [25, 25, null],
    ['2.5e3', 2500, null],
    ['10x', null, 10],
    ['1.5X', null, 1.5],
    ['10x,25', 25, 10],
    ['25, 10x', 25, 10],
  ])('%s', (given, absolute, times) => {
    expect(parseBound(given, 'updateNormMax')).toEqual({ absolute, times });
  });

  it.each([
    '',
    'x',
    '0',
    '-1',
    '0.5x',
    '1x,2x',
    '1,2',
    '10x,',
    'NaN',
    'Infinity',
    '1e999',
    '10 x',
    'off',
    Number.NaN,
    -3,
  ])('refuses "%s" by the name of its option', (given) => {
    expect(() => parseBound(given, '--update-norm-max')).toThrow(
      expect.objectContaining({ code: 'bound.syntax', message: expect.stringMatching(/^--update-norm-max is "/) }),
    );
  });
});
