import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromLimbs, limbsOf } from './integer-limbs.js';

describe('limbs', () => {
  it('keep whole numbers of any size', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: -(2n ** 700n), max: 2n ** 700n })), (numbers) => {
        expect(fromLimbs(limbsOf(numbers))).toEqual(numbers);
      }),
    );
  });

  it.each([
    [[0n, -1n, 2n ** 63n - 1n, -(2n ** 63n)], 1],
    [[2n ** 63n], 2],
    [[-(2n ** 63n) - 1n, 5n], 2],
    [[2n ** 127n], 3],
    [[], 1],
  ])('are as few as hold all numbers: case %#', (numbers, limbs) => {
    const tensor = limbsOf(numbers);
    expect(tensor.shape).toEqual([limbs, numbers.length]);
    expect(fromLimbs(tensor)).toEqual(numbers);
  });
});
