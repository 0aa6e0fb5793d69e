import { describe, expect, it } from 'vitest';
import { specOf } from './testing/contributions.js';
import { lowerMedian, sizeOf, usualOf } from './usual-update.js';

const specs = [
  specOf('a', [2]),
  specOf('mean', [1], 'float32', { kind: 'buffer' }),
  specOf('b', [2]),
  specOf('control/a', [2], 'float64', { kind: 'upload' }),
];

describe('sizeOf', () => {
  it('takes the tensors of each part as one vector', () => {
    const size = sizeOf(7, Float64Array.of(3, 2, 4, 9), specs);
    expect(size).toEqual({ sampleCount: 7, norms: { trained: 5, buffer: 2, upload: 9 } });
  });

  it('is finite for all that the sums take', () => {
    const { norms } = sizeOf(1, Float64Array.of(3 * 2 ** 890, 0, 4 * 2 ** 890, 2 ** 1000), specs);
    expect(norms).toEqual({ trained: 5 * 2 ** 890, buffer: 0, upload: 2 ** 1000 });
  });
});

describe('usualOf', () => {
  it('is the median of each measure by itself, whatever the order', () => {
    const sizes = [
      { sampleCount: 5, norms: { trained: 1, buffer: 0, upload: 3 } },
      { sampleCount: 1e9, norms: { trained: 3, buffer: 0, upload: 1 } },
      { sampleCount: 7, norms: { trained: 1e30, buffer: 0, upload: 2 } },
    ];
    const usual = { sampleCount: 7, norms: { trained: 3, buffer: 0, upload: 2 } };
    expect(usualOf(sizes)).toEqual(usual);
    expect(usualOf(sizes.toReversed())).toEqual(usual);
  });
});

it('the lower of the two in the middle of an even number is the median', () => {
  expect(lowerMedian([4, 1, 1e300, 2], Number)).toBe(2);
  expect(lowerMedian([1e300, 2], Number)).toBe(2);
  expect(lowerMedian([], Number)).toBe(0);
});
