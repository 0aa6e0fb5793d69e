import fc from 'fast-check';
import { expect, it } from 'vitest';
import { portableExp } from './portable-exp.js';

it('portableExp agrees with Math.exp below 0, to 1e-15 of the value', () => {
  fc.assert(
    fc.property(fc.double({ min: -700, max: 0, noNaN: true }), (x) => {
      const exact = Math.exp(x);
      expect(Math.abs(portableExp(x) - exact)).toBeLessThanOrEqual(1e-15 * exact);
    }),
  );
  expect([portableExp(0), portableExp(-1e6), portableExp(Number.NEGATIVE_INFINITY)]).toEqual([1, 0, 0]);
});
