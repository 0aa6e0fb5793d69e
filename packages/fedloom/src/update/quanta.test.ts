import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LEVEL_MAX, LEVEL_MIN, levelOf, quantum, rounder, TERM_MAX } from './quanta.js';
import { exactly } from './testing/exact-value.js';

describe('the lattice', () => {
  it('begins with the smallest double and has finite rounders', () => {
    expect(quantum(0)).toBe(Number.MIN_VALUE);
    for (let level = 0; level <= LEVEL_MAX + 1; level++) {
      expect(exactly(quantum(level))).toBe(1n << BigInt(46 * level));
      expect(exactly(rounder(level))).toBe(3n << BigInt(46 * level + 51));
    }
    expect(() => quantum(LEVEL_MAX + 2)).toThrow(RangeError);
  });

  it('rounds by its rounders to the nearest multiple, ties to even', () => {
    const units = fc.tuple(fc.integer({ min: -(2 ** 31), max: 2 ** 31 }), fc.integer({ min: 0, max: 15 }));
    fc.assert(
      fc.property(units, fc.integer({ min: 1, max: LEVEL_MAX + 1 }), ([whole, sixteenths], level) => {
        const x = (whole + sixteenths / 16) * quantum(level);
        const up = sixteenths > 8 || (sixteenths === 8 && whole % 2 !== 0);
        expect(x + rounder(level) - rounder(level) === (whole + (up ? 1 : 0)) * quantum(level)).toBe(true);
      }),
    );
  });

  it('finds the lowest level that holds a term', () => {
    expect(levelOf(0)).toBe(LEVEL_MIN);
    expect(levelOf(TERM_MAX)).toBe(LEVEL_MAX);
    for (let level = LEVEL_MIN; level < LEVEL_MAX; level++) {
      const half = quantum(level + 1) / 2;
      expect(levelOf(half)).toBe(level);
      expect(levelOf(half * (1 + 2 ** -52))).toBe(level + 1);
    }
    expect(levelOf(1, 40)).toBe(40);
  });
});
