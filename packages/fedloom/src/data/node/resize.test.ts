import { describe, expect, it } from 'vitest';
import { resized } from './resize.js';

/** Grey, 4 rows of 5. */
const values = Array.from({ length: 20 }, (_, at) => {
  const [x, y] = [at % 5, Math.floor(at / 5)];
  return (x * 37 + y * 59 + x * y * 11) % 256;
});
const picture = { height: 4, width: 5, rgba: Uint8Array.from(values.flatMap((value) => [value, 255 - value, 7, 255])) };

describe('resized', () => {
  // By Pillow 12, Image.resize with BILINEAR, which rounds after each axis.
  it.each([
    [2, 3, [62, 124, 166, 161, 149, 137]],
    [
      7,
      8,
      [
        0, 16, 39, 62, 86, 109, 132, 148, 21, 39, 64, 90, 116, 142, 167, 185, 55, 75, 105, 134, 164, 194, 223, 244, 89,
        112, 146, 179, 172, 126, 151, 175, 122, 149, 185, 211, 168, 56, 79, 105, 156, 185, 216, 154, 116, 100, 135, 164,
        177, 208, 235, 119, 83, 127, 170, 201,
      ],
    ],
    [4, 2, [37, 111, 107, 203, 165, 109, 177, 143]],
    [1, 1, [134]],
  ])('to %d x %d is what Pillow makes, give or take a rounding', (height, width, expected) => {
    const scaled = resized(picture, height, width);
    expect([scaled.height, scaled.width]).toEqual([height, width]);
    const channel = (at: number) => Array.from(scaled.rgba).filter((_, place) => place % 4 === at);
    const off = channel(0).map((value, at) => Math.abs(value - (expected[at] ?? Number.NaN)));
    expect(Math.max(...off)).toBeLessThanOrEqual(1);
    expect(
      channel(1)
        .map((value, at) => Math.abs(255 - value - (expected[at] ?? Number.NaN)))
        .every((d) => d <= 1),
    ).toBe(true);
    expect(new Set(channel(2))).toEqual(new Set([7]));
    expect(new Set(channel(3))).toEqual(new Set([255]));
  });

  it('to the size that it has changes nothing', () => {
    expect(resized(picture, 4, 5)).toEqual(picture);
  });
});
