import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { portableLog } from './portable-log.js';

describe('portableLog', () => {
  it('agrees with Math.log to 1e-16 absolute and 4e-16 relative', () => {
    const positive = fc.double({ min: 2 ** -1000, max: 2 ** 1000, noNaN: true });
    const nearOne = fc.double({ min: 0.5, max: 2, noNaN: true });
    fc.assert(
      fc.property(fc.oneof(positive, nearOne), (x) => {
        const exact = Math.log(x);
        expect(Math.abs(portableLog(x) - exact)).toBeLessThanOrEqual(1e-16 + 4.5e-16 * Math.abs(exact));
      }),
    );
  });

  it('is exact at 1 and antisymmetric at powers of 2', () => {
    expect(portableLog(1)).toBe(0);
    expect(portableLog(2 ** 40)).toBe(-portableLog(2 ** -40));
  });
});
