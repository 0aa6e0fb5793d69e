import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeOf } from './testing/contributions.js';
import { roundedWeight, unitOf } from './weight.js';

const weights = fc
  .tuple(fc.double({ min: 1, max: 2, noNaN: true }), fc.integer({ min: -300, max: 298 }))
  .map(([significand, exponent]) => significand * 2 ** exponent);

describe('roundedWeight', () => {
  it('has at most 24 significant bits and is the nearest of those', () => {
    fc.assert(
      fc.property(weights, (weight) => {
        const rounded = roundedWeight(weight, 'client 1');
        expect(Math.abs(rounded - weight)).toBeLessThanOrEqual(weight * 2 ** -24);
        expect(roundedWeight(rounded, 'client 1')).toBe(rounded);
        const unit = unitOf(rounded);
        expect(Number.isInteger(Math.log2(unit))).toBe(true);
        expect(Number.isInteger(rounded / unit)).toBe(true);
        expect(rounded / unit).toBeLessThan(2 ** 25);
      }),
    );
  });

  it('is Math.fround where that has all its bits', () => {
    fc.assert(
      fc.property(fc.double({ min: 2 ** -126, max: 3e38, noNaN: true }), (weight) => {
        expect(roundedWeight(weight, 'client 1')).toBe(Math.fround(weight));
      }),
    );
  });

  it.each([0, 1, 60_000, 2 ** 24 - 1, 2 ** 24, 1e9])('keeps the count %d', (count) => {
    expect(roundedWeight(count, 'client 1')).toBe(count);
  });

  it('keeps whole numbers whole and rounds ties to even', () => {
    expect(roundedWeight(2 ** 24 + 1, 'client 1')).toBe(2 ** 24);
    expect(roundedWeight(2 ** 24 + 3, 'client 1')).toBe(2 ** 24 + 4);
    expect(roundedWeight(999_999_999, 'client 1')).toBe(1e9);
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY, 1e-100, 1e100])('refuses %d', (weight) => {
    expect(codeOf(() => roundedWeight(weight, 'client 1'))).toBe('update.weight');
  });
});
