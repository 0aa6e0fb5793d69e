import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scaled } from '../testing/rational.js';
import { l2Norm, plainScaleFloats, scaleFloats } from './norm.js';

describe('l2Norm', () => {
  it('covers all arrays as one vector', () => {
    expect(l2Norm([Float32Array.of(3, 0), Float64Array.of(-4)])).toBe(5);
    expect(l2Norm([])).toBe(0);
    expect(l2Norm([Float32Array.of(-0)])).toBe(0);
  });

  it('is within 2^-51 of the exact norm', () => {
    const value = fc.double({ min: -1e6, max: 1e6, noNaN: true }).map((x) => (Math.abs(x) < 1e-20 ? 0 : x));
    fc.assert(
      fc.property(fc.array(value, { maxLength: 50 }), (list) => {
        const norm = scaled(l2Norm([Float64Array.from(list)]));
        const sum = list.reduce((total, x) => total + scaled(x) ** 2n, 0n);
        // (1 - 2^-51)^2 and (1 + 2^-51)^2 within 2^-100.
        expect(norm * norm * 2n ** 50n >= sum * (2n ** 50n - 1n)).toBe(true);
        expect(norm * norm * 2n ** 50n <= sum * (2n ** 50n + 1n)).toBe(true);
      }),
    );
  });

  it('sums a million small squares beside a large one', () => {
    const values = new Float32Array(1_000_001).fill(2 ** -27);
    values[0] = 1;
    expect(l2Norm([values])).toBe(Math.sqrt(1 + 1e6 * 2 ** -54));
  });

  it.each([
    [Number.NaN, Number.NaN],
    [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
    [1e200, Number.POSITIVE_INFINITY],
  ])('of %d is %d', (bad, norm) => {
    expect(l2Norm([Float64Array.of(1, bad, 2)])).toBe(norm);
    expect(l2Norm([Float64Array.of(bad), Float64Array.of(1)])).toBe(norm);
  });
});

describe('scaleFloats', () => {
  const factor = fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(2 ** -30, 2 ** -120, 1 / 3));
  const value = fc.oneof(fc.float({ noNaN: true, noDefaultInfinity: true }), fc.constantFrom(2 ** -126, 3 * 2 ** -149));

  it('equals the reference, also over many chunks', () => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 30 }), factor, (list, by) => {
        const values = Float32Array.from(list);
        expect(scaleFloats(values, by)).toEqual(plainScaleFloats(values, by));
      }),
    );
    const many = Float32Array.from({ length: 5000 }, (_, i) => Math.sin(i) * 2 ** (-i % 150));
    expect(scaleFloats(many, 0.7)).toEqual(plainScaleFloats(many, 0.7));
  });

  it('gives a float32 not above the product, and the next one is', () => {
    fc.assert(
      fc.property(value, factor, (x, by) => {
        const scaled = scaleFloats(Float32Array.of(x), by);
        const product = Math.abs(x * by);
        expect(Math.abs(scaled[0] ?? Number.NaN)).toBeLessThanOrEqual(product);
        const next = new Int32Array(scaled.buffer);
        next[0] = (next[0] ?? 0) + 1;
        expect(Math.abs(scaled[0] ?? Number.NaN)).toBeGreaterThan(product);
      }),
    );
  });
});
