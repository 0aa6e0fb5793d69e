import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RandomStream } from '../core/random.js';
import { decodeSafetensors, encodeSafetensors } from '../core/safetensors.js';
import type { Aggregate, Contribution, PartialSum } from './fold-contract.js';
import { RunningMean } from './running-mean.js';
import { contributionOf, fillingValues, specOf, tensorOf } from './testing/contributions.js';
import { exactly, exactProducts, magnitudeOf } from './testing/exact-value.js';
import { shuffledIndices } from './testing/rational.js';
import { roundedWeight } from './weight.js';

const LENGTH = 5;
/** So that `bias` and not `single` is summed in three parts. */
const smallElements = LENGTH;
const specs = [
  specOf('single', [LENGTH]),
  specOf('bias', [LENGTH - 1]),
  specOf('double', [LENGTH], 'float64'),
  specOf('half', [LENGTH], 'float16', { kind: 'upload' }),
  specOf('running', [LENGTH], 'float64', { kind: 'buffer' }),
  specOf('count', [LENGTH], 'int64', { kind: 'buffer' }),
  specOf('pixels', [LENGTH], 'uint8'),
  specOf('top', [LENGTH], 'float64', { fold: 'max' }),
];

/** Doubles up to 2^`exponentMax`, many of them where levels end: half a quantum and its neighbours. */
function doubles(exponentMax: number): fc.Arbitrary<number> {
  const exponents = fc.integer({ min: -1074, max: exponentMax - 1 });
  const significands = fc.oneof(
    fc.constant(1),
    fc.constant(1 + 2 ** -52),
    fc.constant(2 - 2 ** -52),
    fc.double({ min: 1, max: 2, maxExcluded: true, noNaN: true }),
  );
  const anywhere = fc.tuple(significands, exponents).map(([significand, exponent]) => significand * 2 ** exponent);
  const nearLevels = fc
    .tuple(
      significands,
      fc.integer({ min: 1, max: Math.floor((exponentMax + 1074) / 46) }),
      fc.integer({ min: -3, max: 0 }),
    )
    .map(([significand, level, below]) => significand * 2 ** (46 * level - 1075 + below));
  const magnitudes = fc.oneof(fc.constant(0), anywhere, nearLevels);
  return fc.tuple(magnitudes, fc.boolean()).map(([magnitude, negative]) => (negative ? -magnitude : magnitude));
}

/** Weights of many orders of magnitude, which keep products with 1e300 within bounds. */
const weights = fc.oneof(
  fc.constant(0),
  fc.integer({ min: 1, max: 1e9 }),
  fc.tuple(fc.double({ min: 1, max: 2, noNaN: true }), fc.integer({ min: -299, max: 40 })).map(([x, e]) => x * 2 ** e),
);

const contributions: fc.Arbitrary<Contribution> = fc
  .record({
    weight: weights.map((weight) => roundedWeight(weight, 'a test')),
    sampleCount: fc.integer({ min: 1, max: 1e9 }),
    single: fc.array(fc.oneof(fc.float({ noNaN: true, noDefaultInfinity: true }), doubles(100).map(Math.fround)), {
      minLength: LENGTH,
      maxLength: LENGTH,
    }),
    double: fc.array(doubles(850), { minLength: LENGTH, maxLength: LENGTH }),
    half: fc.array(fc.double({ min: -65504, max: 65504, noNaN: true }), { minLength: LENGTH, maxLength: LENGTH }),
    running: fc.array(doubles(30), { minLength: LENGTH, maxLength: LENGTH }),
    count: fc.array(
      fc.oneof(fc.bigInt({ min: -8000n, max: 8000n }), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
      {
        minLength: LENGTH,
        maxLength: LENGTH,
      },
    ),
    pixels: fc.array(fc.integer({ min: 0, max: 255 }), { minLength: LENGTH, maxLength: LENGTH }),
    top: fc.array(doubles(1000), { minLength: LENGTH, maxLength: LENGTH }),
  })
  .map(({ weight, sampleCount, single, double, half, running, count, pixels, top }) =>
    contributionOf(
      {
        single: tensorOf('float32', single),
        bias: tensorOf('float32', single.slice(1)),
        double: tensorOf('float64', double),
        half: tensorOf('float16', half),
        running: tensorOf('float64', running),
        count: { dtype: 'int64', shape: [LENGTH], data: BigInt64Array.from(count) },
        pixels: tensorOf('uint8', pixels),
        top: tensorOf('float64', top),
      },
      { weight, sampleCount },
    ),
  );

const cohorts = fc
  .array(contributions, { minLength: 1, maxLength: 12 })
  .filter((cohort) => cohort.some(({ weight }) => weight > 0));

function flat(cohort: readonly Contribution[], kernel: 'auto' | 'plain' = 'auto'): Aggregate {
  const mean = new RunningMean(specs, { kernel, smallElements });
  for (const contribution of cohort) mean.add(contribution);
  return mean.finish();
}

function travelled({ count, tensors }: PartialSum): PartialSum {
  return { count, tensors: decodeSafetensors(encodeSafetensors(tensors)) };
}

/** The sum over a random binary tree: each inner node merges the partial sums of its children, now and then over a wire. */
function overTree(cohort: readonly Contribution[], random: RandomStream): RunningMean {
  const mean = new RunningMean(specs, { kernel: random.next() < 0.5 ? 'auto' : 'plain', smallElements });
  const branches = cohort.length > 1 && random.next() < 0.8;
  const [from, to] = branches
    ? ([random.integer(cohort.length), random.integer(cohort.length + 1)].sort((a, b) => a - b) as [number, number])
    : [0, 0];
  // What is before and behind is added here, before or after the merge of what is between.
  for (const contribution of cohort.slice(0, from)) mean.add(contribution);
  if (branches && to - from < cohort.length) {
    for (const part of [cohort.slice(from, to), []]) {
      const partial = overTree(part, random).partial();
      mean.merge(random.next() < 0.3 ? travelled(partial) : partial);
    }
    for (const contribution of cohort.slice(to)) mean.add(contribution);
  } else for (const contribution of cohort.slice(from)) mean.add(contribution);
  return mean;
}

describe('RunningMean of any updates', () => {
  it('gives the same bits in every order, over every tree of partial sums, with both kernels', () => {
    fc.assert(
      fc.property(cohorts, fc.nat(), (cohort, seed) => {
        const expected = flat(cohort);
        expect(flat(cohort, 'plain')).toStrictEqual(expected);
        const shuffled = shuffledIndices(cohort.length, seed).flatMap((at) => cohort.slice(at, at + 1));
        expect(flat(shuffled)).toStrictEqual(expected);
        expect(overTree(shuffled, RandomStream.of(1, 'tree', seed)).finish()).toStrictEqual(expected);
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['float32', 'single', 46],
    ['few float32', 'bias', 92],
    ['float64', 'double', 92],
  ] as const)('is within its bound of the rational mean: %s', (_, name, bits) => {
    fc.assert(
      fc.property(cohorts, (cohort) => {
        const means = flat(cohort).get(name)?.data as Float64Array;
        const total = cohort.reduce((sum, { weight }) => sum + exactly(weight), 0n);
        const weightsOf = cohort.map(({ weight }) => weight);
        const valuesOf = cohort.map(({ update }) => update.tensors.get(name)?.data as Float32Array | Float64Array);
        const largest = cohort
          .flatMap((_, i) =>
            [...(valuesOf[i] ?? [])].map((value) => magnitudeOf(exactProducts([value], weightsOf.slice(i, i + 1)))),
          )
          .reduce((a, b) => (a > b ? a : b), 0n);
        for (const [element, mean] of means.entries()) {
          const values = valuesOf.map((data) => data[element] ?? Number.NaN);
          const sum = exactProducts(values, weightsOf);
          // In multiples of 2^-2148, times 2^92.
          const error = magnitudeOf(exactly(mean) * total - sum) << 92n;
          let bound = (BigInt(cohort.length) * largest) << BigInt(92 - bits);
          bound += magnitudeOf(exactly(mean) * total) << 42n;
          bound += (total << 92n) / 2n;
          if (name === 'double') {
            for (const [i, value] of values.entries()) {
              const product = magnitudeOf(exactProducts([value], weightsOf.slice(i, i + 1))) << 39n;
              const smallest = 1n << (1073n + 92n);
              bound += product > smallest ? product : smallest;
            }
          }
          expect(error <= bound, `element ${element}: ${error} > ${bound}`).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('the mean of integers', () => {
  it('is the rational mean of the same weights, rounded half to even', () => {
    fc.assert(
      fc.property(cohorts, (cohort) => {
        for (const [name, weightOf] of [
          ['count', ({ update }: Contribution) => roundedWeight(update.facts.sampleCount ?? 0, 'a test')],
          ['pixels', ({ weight }: Contribution) => weight],
        ] as const) {
          const total = cohort.reduce((sum, contribution) => sum + exactly(weightOf(contribution)), 0n);
          for (const [element, mean] of (flat(cohort).get(name)?.data ?? []).entries()) {
            const sum = cohort.reduce((sum, contribution) => {
              const value = contribution.update.tensors.get(name)?.data[element] ?? Number.NaN;
              return sum + exactly(weightOf(contribution)) * BigInt(value);
            }, 0n);
            // Twice the distance is at most one, and one only for an even mean.
            const twice = 2n * magnitudeOf(BigInt(mean) * total - sum);
            expect(twice < total || (twice === total && BigInt(mean) % 2n === 0n)).toBe(true);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('RunningMean of many updates', () => {
  const random = RandomStream.of(1, 'many');
  const draw = (spread: number) =>
    Array.from({ length: LENGTH }, () => random.normal() * 2 ** (random.integer(spread) - spread / 2));
  const cohort = Array.from({ length: 700 }, () =>
    contributionOf(
      {
        single: tensorOf('float32', draw(100)),
        bias: tensorOf('float32', draw(100).slice(1)),
        double: tensorOf('float64', draw(300)),
        half: tensorOf('float16', draw(8)),
        // All of one size and sign, so that each part fills as fast as it can.
        running: tensorOf('float64', [...fillingValues, 1, 0]),
        count: tensorOf('int64', [random.integer(1000), 0, 1, 2, 3]),
        pixels: tensorOf('uint8', [random.integer(256), 0, 1, 2, 255]),
        top: tensorOf('float64', draw(100)),
      },
      {
        weight: roundedWeight(random.next() * 2 ** random.integer(20), 'a test'),
        sampleCount: 1 + random.integer(1e9),
      },
    ),
  );

  it('gives the same bits whenever it carries', () => {
    const expected = flat(cohort);
    expect(flat(cohort, 'plain')).toStrictEqual(expected);
    for (let i = 0; i < 5; i++) {
      const shuffled = shuffledIndices(cohort.length, i).flatMap((at) => cohort.slice(at, at + 1));
      expect(overTree(shuffled, RandomStream.of(2, 'tree', i)).finish()).toStrictEqual(expected);
    }
  });

  it('gives the same bits over chains of partial sums, from one to the next', () => {
    const expected = flat(cohort);
    const chained = (length: number) => {
      let partial = new RunningMean(specs, { smallElements }).partial();
      for (let from = 0; from < cohort.length; from += length) {
        const mean = new RunningMean(specs, { smallElements });
        for (const contribution of cohort.slice(from, from + length)) mean.add(contribution);
        mean.merge(travelled(partial));
        partial = mean.partial();
      }
      const last = new RunningMean(specs, { smallElements });
      last.merge(partial);
      return last.finish();
    };
    expect(chained(1)).toStrictEqual(expected);
    expect(chained(223)).toStrictEqual(expected);
    expect(chained(224)).toStrictEqual(expected);
    expect(chained(225)).toStrictEqual(expected);
  });

  it.each([0, 1, 2, 3])('gives the same bits when the level rises by %i after sums were carried', (levels) => {
    // Just below half a quantum, so that high parts are carried, and too little for the low one.
    const value = (1 - 2 ** -24) * 2 ** (46 * 22 - 1075);
    const larger = value * 2 ** (46 * levels);
    const terms = [...new Array(300).fill(value), larger, -value / 3, larger];
    const meanOf = (values: readonly number[]) => {
      const mean = new RunningMean([specOf('a', [1]), specOf('b', [1], 'float64')], { smallElements: 0 });
      for (const x of values) mean.add(contributionOf({ a: tensorOf('float32', [x]), b: tensorOf('float64', [x]) }));
      return mean.finish();
    };
    expect(meanOf(terms)).toStrictEqual(meanOf(terms.toReversed()));
  });

  it('sums what fills the parts exactly, in every round anew', () => {
    const mean = new RunningMean([specOf('a', [3], 'float64')]);
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 1024; i++) mean.add(contributionOf({ a: tensorOf('float64', fillingValues) }));
      expect([...(mean.finish().get('a')?.data ?? [])]).toEqual(fillingValues);
      for (const part of ['high', 'low', 'third']) {
        const { data } = mean.partial().tensors.get(`${part}-carries/mean/a`) ?? tensorOf('int32', []);
        expect(Math.max(...(data as Int32Array))).toBeGreaterThan(400);
      }
      mean.reset();
      expect(mean.partial().tensors.has('high-carries/mean/a')).toBe(false);
    }
  });

  it('carries nothing where terms of either sign keep the sums small', () => {
    const mean = new RunningMean([specOf('a', [3], 'float64')]);
    for (let i = 0; i < 1024; i++) {
      const values = fillingValues.map((value) => (i % 2 === 0 ? value : -value));
      mean.add(contributionOf({ a: tensorOf('float64', values) }));
    }
    expect(mean.finish().get('a')?.data).toStrictEqual(Float64Array.of(0, 0, 0));
    expect(mean.partial().tensors.has('high-carries/mean/a')).toBe(false);
  });
});
