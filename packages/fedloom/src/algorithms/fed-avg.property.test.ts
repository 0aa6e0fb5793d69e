import type { Tensor } from '@fedloom/engine';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { meanFold } from '../update/mean-fold.js';
import { RunningMean } from '../update/running-mean.js';
import { changeOf } from '../update/testing/changes.js';
import { contributionOf, specOf } from '../update/testing/contributions.js';
import { exactly, exactProducts, magnitudeOf } from '../update/testing/exact-value.js';
import { roundedWeight } from '../update/weight.js';
import { fedAvg } from './fed-avg.js';

const LENGTH = 6;
const ARRAYS = { float32: Float32Array, float64: Float64Array } as const;
type Float = keyof typeof ARRAYS;
/** Bits behind the first, and the exponent of the smallest number. */
const FORMATS = { float32: [23, -149], float64: [52, -1074] } as const;

/** The distance from this magnitude to the next larger one of the dtype. */
function ulp(magnitude: number, dtype: Float): number {
  const [bits, lowest] = FORMATS[dtype];
  let exponent = Math.floor(Math.log2(magnitude));
  if (2 ** exponent > magnitude) exponent -= 1;
  return 2 ** Math.max(exponent - bits, lowest);
}

/** Elements from 2^-`spread` to 1 times some power of two, of either sign, and zeros. */
function arrays(spread: number): fc.Arbitrary<readonly number[]> {
  const element = fc
    .tuple(
      fc.double({ min: 1, max: 2, noNaN: true }),
      fc.integer({ min: -spread, max: -1 }),
      fc.constantFrom(-1, 0, 1, 1),
    )
    .map(([significand, exponent, sign]) => sign * significand * 2 ** exponent);
  return fc.array(element, { minLength: LENGTH, maxLength: LENGTH });
}

interface Round {
  readonly scale: number;
  readonly base: readonly number[];
  readonly clients: readonly { readonly local: readonly number[]; readonly sampleCount: number }[];
}

function rounds(spread: number): fc.Arbitrary<Round> {
  return fc.record({
    scale: fc.integer({ min: -60, max: 60 }).map((exponent) => 2 ** exponent),
    base: arrays(spread),
    clients: fc.array(fc.record({ local: arrays(spread), sampleCount: fc.integer({ min: 1, max: 1e6 }) }), {
      minLength: 1,
      maxLength: 8,
    }),
  });
}

/** The largest distance of the new model to the exact mean of the local weights, in ulp of max(|base|, |local|). */
function largestError({ scale, base, clients }: Round, dtype: Float, smallElements?: number): number {
  const tensorOf = (values: readonly number[]) => {
    const scaled = values.map((value) => value * scale);
    return { dtype, shape: [LENGTH], data: ARRAYS[dtype].from(scaled) } satisfies Tensor;
  };
  const before = tensorOf(base);
  const locals = clients.map(({ local }) => tensorOf(local));
  const specs = [specOf('w', [LENGTH], dtype)];
  const mean = smallElements === undefined ? meanFold().start(specs) : new RunningMean(specs, { smallElements });
  const weights = clients.map(({ sampleCount }) => roundedWeight(sampleCount, 'a test'));
  for (const [i, local] of locals.entries()) {
    mean.add(contributionOf({ w: changeOf(local, before) }, { weight: weights[i] ?? 0, client: i }));
  }
  const { model } = fedAvg().server.update({
    round: 0,
    model: new Map([['w', before]]),
    state: new Map(),
    aggregate: mean.finish(),
    trained: new Set(['w']),
    clients: [],
    totalClients: clients.length,
  });
  const after = model.get('w')?.data as Float32Array | Float64Array;
  const total = weights.reduce((sum, weight) => sum + exactly(weight), 0n);
  let largest = 0;
  for (const [element, value] of after.entries()) {
    const values = locals.map(({ data }) => data[element] ?? Number.NaN);
    const magnitude = Math.max(Math.abs(before.data[element] ?? 0), ...values.map(Math.abs));
    if (magnitude === 0) {
      expect(value).toBe(0);
      continue;
    }
    const error = magnitudeOf(exactly(value) * total - exactProducts(values, weights));
    const unit = exactly(ulp(magnitude, dtype)) * total;
    largest = Math.max(largest, Number((error * 1000n) / unit) / 1000);
  }
  return largest;
}

/** The same with local weights that differ from the base by a fifth of it at most. */
function gentle({ scale, base, clients }: Round): Round {
  const near = (local: readonly number[]) => base.map((value, i) => value * (1 + (local[i] ?? 0) / 5));
  return { scale, base, clients: clients.map(({ local, sampleCount }) => ({ local: near(local), sampleCount })) };
}

describe('fedAvg over the exact mean', () => {
  // The spread is what the sums promise for all weights of eight clients: 8 * 2^-46 of the largest value is an eighth of an ulp
  // of one 2^-17 below, in tensors of two parts; in three parts, 2^-92 is far below an ulp of any.
  it.each([
    ['float32 as large tensors are summed', 'float32', 16, 0],
    ['float32', 'float32', 40, undefined],
  ] as const)(
    'is within 2 ulp of max(|base|, |local|) of the mean of weights: %s',
    (_, dtype, spread, smallElements) => {
      fc.assert(
        fc.property(rounds(spread), (round) => {
          expect(largestError(round, dtype, smallElements)).toBeLessThanOrEqual(2);
        }),
        { numRuns: 500 },
      );
    },
  );

  it('is as near in float64 for local weights near the base', () => {
    fc.assert(
      fc.property(rounds(30).map(gentle), (round) => {
        expect(largestError(round, 'float64')).toBeLessThanOrEqual(2);
      }),
      { numRuns: 500 },
    );
  });

  // Deltas of up to twice the weights: rounded as such, times their weight, as a sum, as a quotient (1 ulp each), and added.
  it('is within 5 ulp in float64 for any', () => {
    fc.assert(
      fc.property(rounds(30), (round) => {
        expect(largestError(round, 'float64')).toBeLessThanOrEqual(5);
      }),
      { numRuns: 500 },
    );
  });
});
