import { describe, expect, it } from 'vitest';
import { samplerSuite } from '../../conformance/sampler-suite.js';
import { describeSuite } from '../../conformance/testing/describe-suite.js';
import { fedmlSampling } from './sampling.js';

describeSuite('sampler fedml', samplerSuite(fedmlSampling));

function cohort(round: number, clients: number, perRound: number): number[] {
  return [...fedmlSampling().permutation(round, clients, perRound).subarray(0, perRound)];
}

describe('fedmlSampling', () => {
  // numpy 1.26: np.random.seed(round); np.random.choice(range(clients), perRound, replace=False)
  it.each([
    [0, 10, [2, 8, 4, 9]],
    [1, 10, [2, 9, 6, 4]],
    [2, 10, [4, 1, 5, 0]],
    [99, 10, [8, 5, 4, 2]],
    [0, 1000, [993, 859, 298, 553]],
    [1, 1000, [507, 818, 452, 368]],
    [2, 1000, [37, 726, 846, 295]],
    [99, 1000, [890, 983, 107, 609]],
    [0, 100_000, [3582, 60498, 53227, 21333, 3885, 51521]],
    [99, 100_000, [86155, 29633, 67710, 62348, 98787, 66334]],
    [7, 2, [0]],
    [
      12345,
      33,
      [
        24, 23, 0, 30, 3, 15, 28, 19, 8, 21, 12, 20, 7, 6, 27, 26, 10, 13, 11, 25, 18, 16, 32, 14, 17, 22, 31, 2, 5, 9,
        4, 1,
      ],
    ],
  ])('equals numpy in round %i of %i clients', (round, clients, expected) => {
    expect(cohort(round, clients, expected.length)).toEqual(expected);
  });

  it('takes all clients in order when all take part, in every round', () => {
    expect(cohort(0, 5, 5)).toEqual([0, 1, 2, 3, 4]);
    expect(cohort(3, 5, 5)).toEqual([0, 1, 2, 3, 4]);
  });

  it('names every client once, so that the rest are replacements', () => {
    const order = fedmlSampling().permutation(4, 257, 10);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 257 }, (_, index) => index));
  });

  it('gives an array of its own each time', () => {
    const sampler = fedmlSampling();
    sampler.permutation(0, 10, 4).fill(0);
    expect([...sampler.permutation(0, 10, 4).subarray(0, 4)]).toEqual([2, 8, 4, 9]);
  });
});
