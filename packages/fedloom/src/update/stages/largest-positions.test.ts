import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { largestPositions, plainLargestPositions } from './largest-positions.js';

describe('largestPositions', () => {
  const number = (float: fc.Arbitrary<number>) => fc.oneof(float, fc.constantFrom(0, -0, 1, -1, 1.5, -1.5, 2 ** -140));
  const count = fc.double({ min: 0, max: 1, noNaN: true });

  it('equals the reference in float32', () => {
    const values = fc.array(number(fc.float({ noNaN: true })), { maxLength: 60 });
    fc.assert(
      fc.property(values, count, (list, part) => {
        const floats = Float32Array.from(list);
        const k = Math.round(part * list.length);
        expect(largestPositions(floats, k)).toEqual(plainLargestPositions(floats, k));
      }),
    );
  });

  it('equals the reference in float64, near values included', () => {
    const near = fc.integer({ min: -5, max: 5 }).map((ulps) => 1 + ulps * 2 ** -52);
    const values = fc.array(fc.oneof(number(fc.double({ noNaN: true })), near), { maxLength: 60 });
    fc.assert(
      fc.property(values, count, (list, part) => {
        const floats = Float64Array.from(list);
        const k = Math.round(part * list.length);
        expect(largestPositions(floats, k)).toEqual(plainLargestPositions(floats, k));
      }),
    );
  });

  it('takes the first of equal magnitudes', () => {
    expect([...largestPositions(Float32Array.of(1, -2, 2, -1, 1, 2), 4)]).toEqual([0, 1, 2, 5]);
    expect([...largestPositions(new Float32Array(9), 3)]).toEqual([0, 1, 2]);
    expect([...largestPositions(Float64Array.of(-0, 0, -0), 2)]).toEqual([0, 1]);
  });

  it('works on a part of a buffer', () => {
    const values = Float32Array.of(9, 9, 1, 3, 2, 9).subarray(2, 5);
    expect([...largestPositions(values, 2)]).toEqual([1, 2]);
  });

  it('gives none and all', () => {
    expect(largestPositions(Float32Array.of(1, 2), 0)).toEqual(new Int32Array(0));
    expect([...largestPositions(Float64Array.of(1, 2, 0), 3)]).toEqual([0, 1, 2]);
    expect(largestPositions(new Float64Array(0), 0)).toEqual(new Int32Array(0));
  });
});
