import { expect, test } from 'vitest';
import { halfToNumber } from './half.js';

test('half-precision patterns: zeros, subnormals, normals, the largest, infinities, NaN', () => {
  const patterns = [0x0000, 0x8000, 0x0001, 0x03ff, 0x0400, 0x3555, 0x3c00, 0xc000, 0x7bff, 0x7c00, 0xfc00, 0x7e00];
  expect(patterns.map(halfToNumber)).toEqual([
    ...[0, -0, 2 ** -24, 1023 * 2 ** -24, 2 ** -14, 0.333251953125, 1, -2, 65504],
    ...[Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN],
  ]);
});
