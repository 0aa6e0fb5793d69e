import type { DType } from '@fedloom/engine';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foldOnce, shuffled } from '../../conformance/fold-inputs.js';
import { valuesOf } from '../../conformance/tensor-values.js';
import { contributionOf, specOf, vectorsOf } from '../testing/fold-inputs.js';
import { median } from './median.js';
import { naiveMedian, naiveTrimmedMean } from './testing/naive-folds.js';
import { trimmedMean } from './trimmed-mean.js';

/** Multiples of 1/8 that float16 holds: their sums are exact, so that equal means equal. */
const eighths = fc.integer({ min: -2000, max: 2000 }).map((value) => value / 8);

/** Some clients' vectors of one length. */
function vectors(value: fc.Arbitrary<number>, clientsMax = 12) {
  return fc
    .tuple(fc.integer({ min: 1, max: clientsMax }), fc.integer({ min: 0, max: 9 }))
    .chain(([clients, length]) =>
      fc.array(fc.array(value, { minLength: length, maxLength: length }), { minLength: clients, maxLength: clients }),
    );
}

function folded(fold: ReturnType<typeof median>, clients: readonly (readonly number[])[], dtype?: DType): number[] {
  const { specs, contributions } = vectorsOf(clients, dtype);
  const tensor = foldOnce(fold, contributions, specs).get('w');
  if (tensor === undefined) throw new Error('the aggregate lacks w');
  return valuesOf(tensor);
}

/** Equal numbers, whatever the sign of a zero. */
const plain = (values: readonly number[]) => values.map((value) => value + 0);

describe.each<DType>(['float32', 'float64', 'float16'])('median and trimmed mean of %s', (dtype) => {
  it('the median equals the naive one', () => {
    fc.assert(
      fc.property(vectors(eighths), (clients) => {
        expect(folded(median(), clients, dtype)).toEqual(plain(naiveMedian(clients)));
      }),
    );
  });

  it('the trimmed mean equals the naive one within a rounding', () => {
    fc.assert(
      fc.property(vectors(eighths), fc.nat(), (clients, some) => {
        const trim = some % Math.ceil(clients.length / 2);
        const naive = naiveTrimmedMean(clients, trim);
        for (const [i, value] of folded(trimmedMean({ trim }), clients, dtype).entries()) {
          expect(Math.abs(value - (naive[i] as number))).toBeLessThan(1e-12);
        }
      }),
    );
  });
});

describe('median', () => {
  it('equals the naive one for many clients, over more coordinates than are sorted at a time', () => {
    const clients = Array.from({ length: 75 }, (_, k) =>
      Array.from({ length: 700 }, (_, i) => Math.fround(Math.sin(k * 701 + i * 1.7))),
    );
    expect(folded(median(), clients)).toEqual(naiveMedian(clients));
    expect(folded(median(), clients.slice(0, 48))).toEqual(naiveMedian(clients.slice(0, 48)));
    expect(folded(median(), clients.slice(0, 49))).toEqual(naiveMedian(clients.slice(0, 49)));
  });

  it('of an even number is the mean of the two in the middle', () => {
    expect(folded(median(), [[4], [1], [100], [2]])).toEqual([3]);
    expect(folded(median(), [[1e308], [1.5e308]], 'float64')).toEqual([1.25e308]);
  });

  it('does not depend on who sent what: clients may change places', () => {
    fc.assert(
      fc.property(vectors(fc.double({ noNaN: true, noDefaultInfinity: true })), fc.nat(), (clients, order) => {
        const moved = shuffled(clients, order);
        expect(folded(median(), moved, 'float64')).toEqual(folded(median(), clients, 'float64'));
        const trim = Math.floor((clients.length - 1) / 3);
        expect(folded(trimmedMean({ trim }), moved, 'float64')).toEqual(
          folded(trimmedMean({ trim }), clients, 'float64'),
        );
      }),
    );
  });

  it('gives +0 for zeros of either sign, whoever sent them', () => {
    expect(folded(median(), [[-0], [0], [-0]])).toEqual([0]);
    expect(folded(median(), [[-0]])).toEqual([0]);
  });

  it('ignores weights and samples', () => {
    const specs = [specOf('w', [1]), specOf('mean', [1], { kind: 'buffer' })];
    const contributions = [1, 5, 6].map((value, client) =>
      contributionOf(client, specs, [[value], [value]], {
        weight: client === 0 ? 1000 : 1,
        sampleCount: 1000 - client,
      }),
    );
    const aggregate = foldOnce(median(), contributions, specs);
    expect([...aggregate.values()].map(({ data }) => data[0])).toEqual([5, 5]);
  });
});

describe('integers', () => {
  it.each<[DType, number[], number, number]>([
    ['int32', [1, 2], 2, 2],
    ['int32', [2, 3], 2, 2],
    ['int32', [-1, -2], -2, -2],
    ['int64', [-3, -2], -2, -2],
    ['int64', [-1, 0], 0, 0],
    ['int64', [2, 3], 2, 2],
    ['int64', [1, 2, 2], 2, 2],
    ['uint8', [255, 254], 254, 254],
    ['int64', [1, 1, 9], 1, 4],
    ['int32', [1, 1, 9], 1, 4],
    ['bool', [1, 0, 1], 1, 1],
    ['int32', [-(2 ** 31), 2 ** 31 - 1, 7], 7, 2],
  ])('of %s %j have the median %d and the mean %d, rounded half to even', (dtype, values, middle, mean) => {
    const clients = values.map((value) => [value]);
    expect(folded(median(), clients, dtype)).toEqual([middle]);
    expect(folded(trimmedMean({ trim: 0 }), clients, dtype)).toEqual([mean]);
  });

  it('of int64 are exact where float64 is not', () => {
    const specs = [specOf('n', [1], { dtype: 'int64' })];
    const contributions = [2n ** 62n + 1n, 2n ** 62n + 3n, 0n].map((value, client) => {
      const contribution = contributionOf(client, specs, [[0]]);
      contribution.update.tensors.get('n')?.data.set([value] as never);
      return contribution;
    });
    expect(foldOnce(median(), contributions, specs).get('n')?.data).toEqual(BigInt64Array.of(2n ** 62n + 1n));
    const two = contributions.slice(0, 2);
    expect(foldOnce(median(), two, specs).get('n')?.data).toEqual(BigInt64Array.of(2n ** 62n + 2n));
  });
});

describe('trimmedMean', () => {
  it('with trim 0 is the unweighted mean, with all but one or two cut the median', () => {
    fc.assert(
      fc.property(vectors(eighths), (clients) => {
        const mean = naiveTrimmedMean(clients, 0);
        for (const [i, value] of folded(trimmedMean({ trim: 0 }), clients).entries()) {
          expect(Math.abs(value - (mean[i] as number))).toBeLessThan(1e-12);
        }
        const trim = Math.floor((clients.length - 1) / 2);
        expect(folded(trimmedMean({ trim }), clients)).toEqual(folded(median(), clients));
      }),
    );
  });

  it('of equal values is that value', () => {
    expect(folded(trimmedMean({ trim: 0 }), [[0.1], [0.1], [0.1]], 'float64')).toEqual([0.1]);
    expect(folded(trimmedMean({ trim: 0 }), [[1e308], [1e308], [1e308]], 'float64')).toEqual([1e308]);
  });

  it('is moved no further than the honest values lie by as many attackers as it cuts', () => {
    const honest = [1, 2, 3, 4];
    for (const lie of [-1e30, 1e30]) {
      const [value] = folded(
        trimmedMean({ trim: 2 }),
        [...honest, lie, lie].map((x) => [x]),
      );
      expect(value).toBeGreaterThanOrEqual(1);
      expect(value).toBeLessThanOrEqual(4);
    }
  });

  it('refuses too few updates, with the arithmetic', () => {
    const fold = trimmedMean({ trim: 2 });
    expect(() => fold.checkCohort?.(5)).not.toThrow();
    expect(() => fold.checkCohort?.(4)).toThrow(
      expect.objectContaining({
        code: 'fold.too-few',
        message:
          'trimmedMean(trim=2) needs more than 2 trim = 4 updates, but a round has 4. Ask more clients a round, or cut at most 1 a side.',
      }),
    );
    expect(() => folded(fold, [[1], [2], [3], [4]])).toThrow(
      expect.objectContaining({ code: 'aggregate.too-few', message: expect.stringContaining('this round has 4') }),
    );
  });

  it.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, undefined, '2'])('refuses trim %s', (trim) => {
    expect(() => trimmedMean({ trim } as { trim: number })).toThrow(
      expect.objectContaining({
        code: 'fold.option',
        message: expect.stringMatching(/trim .*at least 0.*trimmedMean\(trim=2\)/),
      }),
    );
  });
});
