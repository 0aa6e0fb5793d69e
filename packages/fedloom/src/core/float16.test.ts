import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeHalves, encodeHalves } from './float16.js';

const encode = (value: number) => encodeHalves(Float64Array.of(value))[0]!;
const decode = (bits: number) => decodeHalves(Uint16Array.of(bits))[0]!;

describe('halves', () => {
  it.each([
    [0, 0x0000],
    [-0, 0x8000],
    [1, 0x3c00],
    [-2, 0xc000],
    [65504, 0x7bff],
    [2 ** -14, 0x0400],
    [2 ** -24, 0x0001],
    [1023 * 2 ** -24, 0x03ff],
    [1 / 3, 0x3555],
    [Number.POSITIVE_INFINITY, 0x7c00],
    [Number.NEGATIVE_INFINITY, 0xfc00],
  ])('%d is %i', (value, bits) => {
    expect(encode(value)).toBe(bits);
    expect(decode(bits)).toBeCloseTo(value, 3);
  });

  it('survive decoding and encoding, all of them that are numbers', () => {
    const all = Uint16Array.from({ length: 65536 }, (_, bits) => bits).filter((bits) => (bits & 0x7fff) <= 0x7c00);
    expect(encodeHalves(decodeHalves(all))).toEqual(all);
  });

  it('keep not-a-number', () => {
    expect(decode(0x7e00)).toBeNaN();
    expect(decode(0xfc01)).toBeNaN();
    expect(decode(encode(Number.NaN))).toBeNaN();
  });

  it('round to the nearest, half to even, once', () => {
    expect(encode(1 + 2 ** -11)).toBe(0x3c00);
    expect(encode(1 + 3 * 2 ** -11)).toBe(0x3c02);
    // Through float32 this would become the tie above and round down.
    expect(encode(1 + 2 ** -11 + 2 ** -40)).toBe(0x3c01);
    expect(encode(65519.99)).toBe(0x7bff);
    expect(encode(65520)).toBe(0x7c00);
    expect(encode(2 ** -25)).toBe(0);
    expect(encode(2 ** -25 * 1.0001)).toBe(1);
    expect(encode(2 ** -14 - 2 ** -26)).toBe(0x0400);
  });

  it('are the nearest of all halves', () => {
    const halves = decodeHalves(Uint16Array.from({ length: 0x7c00 }, (_, bits) => bits));
    fc.assert(
      fc.property(fc.double({ min: 0, max: 65504, noNaN: true }), (value) => {
        const found = decode(encode(value));
        const at = encode(value);
        for (const near of [halves[at - 1], halves[at + 1]]) {
          if (near !== undefined) expect(Math.abs(found - value)).toBeLessThanOrEqual(Math.abs(near - value));
        }
      }),
    );
  });
});
