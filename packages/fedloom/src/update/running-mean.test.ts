import type { DType, TensorData } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { decodeHalves } from '../core/float16.js';
import type { Contribution, PartialSum } from './fold-contract.js';
import { meanFold } from './mean-fold.js';
import { RunningMean } from './running-mean.js';
import { codeOf, contributionOf, specOf, tensorOf } from './testing/contributions.js';
import { roundedWeight } from './weight.js';

/** The mean of one tensor 'a' over some clients with these weights. */
function meanOf(
  dtype: DType,
  clients: readonly (readonly number[])[],
  weights: readonly number[],
): TensorData | undefined {
  const mean = new RunningMean([specOf('a', [clients[0]?.length ?? 0], dtype)]);
  for (const [i, values] of clients.entries()) {
    mean.add(contributionOf({ a: tensorOf(dtype, values) }, { weight: weights[i] ?? Number.NaN }));
  }
  return mean.finish().get('a')?.data;
}

describe('the mean of floats', () => {
  it('weighs by the weights, as float64', () => {
    const clients = [
      [1, 0],
      [4, 8],
    ];
    expect(meanOf('float32', clients, [1, 3])).toEqual(Float64Array.of(3.25, 6));
    expect(meanOf('float32', [[1], [1 + 2 ** -23]], [1, 1])).toEqual(Float64Array.of(1 + 2 ** -24));
    expect(meanOf('float16', [[1], [1 + 2 ** -10], [-65504]], [3, 1, 1])?.[0]).toBe((4 + 2 ** -10 - 65504) / 5);
  });

  it('counts buffers by samples, all else by the weight', () => {
    const specs = [
      specOf('buffer', [1], 'float32', { kind: 'buffer' }),
      specOf('slot/trained', [1], 'float64', { kind: 'upload' }),
      specOf('trained', [1]),
    ];
    const mean = new RunningMean(specs);
    for (const [value, weight, sampleCount] of [
      [0, 3, 1],
      [8, 1, 3],
    ] as const) {
      const tensors = {
        buffer: tensorOf('float32', [value]),
        'slot/trained': tensorOf('float64', [value]),
        trained: tensorOf('float32', [value]),
      };
      mean.add(contributionOf(tensors, { weight, sampleCount }));
    }
    expect([...mean.finish()].map(([name, { data }]) => [name, data[0]])).toEqual([
      ['buffer', 6],
      ['slot/trained', 2],
      ['trained', 2],
    ]);
  });

  it('holds where a plain float64 sum fails: the same three updates, one order right and one wrong', () => {
    const values = [2 ** 26, 2 ** -20, -(2 ** 26)];
    const counts = [2 ** 10, 1, 2 ** 10];
    const total = 2 ** 11 + 1;
    for (const order of [
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ]) {
      const pick = (list: readonly number[]) => order.map((i) => list[i] ?? Number.NaN);
      const mean = meanOf(
        'float64',
        pick(values).map((value) => [value]),
        pick(counts),
      );
      expect(mean?.[0]).toBe(2 ** -20 / total);
    }
  });

  it('takes what training gives, however large or small', () => {
    // A batch-norm variance, a count with large weights, and values far below any fixed grid.
    expect(meanOf('float32', [[1e6]], [70_000])).toEqual(Float64Array.of(1e6));
    expect(meanOf('float32', [[70]], [1e9])).toEqual(Float64Array.of(70));
    expect(meanOf('float64', [[1e-30], [3e-30]], [1, 1])?.[0]).toBeCloseTo(2e-30, 45);
    expect(meanOf('float64', [[5e-324], [-0]], [1, 0.5])).toEqual(Float64Array.of(5e-324));
    expect(meanOf('float64', [[1e270]], [1])).toEqual(Float64Array.of(1e270));
  });

  it('keeps a float32 that all clients share', () => {
    for (const value of [0.1, -1 / 3, 1e-40, 3e38].map(Math.fround)) {
      expect(
        Math.fround(Number(meanOf('float32', [[value], [value], [value]], [600, 599, 0.1].map(Math.fround))?.[0])),
      ).toBe(value);
    }
  });

  it('gives +0 for zeros of either sign', () => {
    expect(
      meanOf(
        'float64',
        [
          [0, -0],
          [-0, -0],
        ],
        [1, 2],
      ),
    ).toStrictEqual(Float64Array.of(0, 0));
  });

  it('averages 10,000 float16 ones to exactly one', () => {
    const mean = new RunningMean([specOf('a', [3], 'float16')]);
    const ones = contributionOf({ a: tensorOf('float16', [1, 1, 1]) });
    for (let i = 0; i < 10_000; i++) mean.add(ones);
    expect(mean.finish().get('a')?.data).toEqual(Float64Array.of(1, 1, 1));
  });
});

describe('the mean of integers', () => {
  it.each<[number[], number[], number]>([
    [[1, 2], [1, 1], 2],
    [[0, 1], [1, 1], 0],
    [[2, 3], [1, 1], 2],
    [[-1, -2], [1, 1], -2],
    [[-1, 0], [1, 1], 0],
    [[-3, -2], [1, 1], -2],
    [[0, 1], [1, 3], 1],
    [[7, 7, 7], [5, 11, 13], 7],
    [[0, 1, 1], [499_999, 250_000, 250_000], 1],
    [[0, 1, 1], [500_001, 250_000, 250_000], 0],
    // Fractional weights: the ties and what lies a last place beside them are told from exact sums.
    [[2, 3], [0.3, 0.3], 2],
    [[2, 3], [0.3, 0.3 + 2 ** -25], 3],
    [[-3, -4], [2 ** -250, 2 ** -250], -4],
    [[3, 4, 0], [2 ** 40, 2 ** 40, 2 ** -5], 3],
    [[3, 4, 4], [2 ** 40, 2 ** 40, 2 ** -5], 4],
  ])('of %j with weights %j rounds half to even: %i', (values, weights, expected) => {
    const clients = values.map((value) => [value]);
    const rounded = weights.map((weight) => roundedWeight(weight, 'a test'));
    expect(meanOf('int32', clients, rounded)?.[0]).toBe(expected);
    expect(meanOf('int64', clients, rounded)?.[0]).toBe(BigInt(expected));
  });

  it('keeps the dtypes of counters and flags', () => {
    expect(meanOf('int64', [[2 ** 41], [2 ** 41 + 2]], [2, 2])).toEqual(BigInt64Array.of(2n ** 41n + 1n));
    expect(meanOf('uint8', [[255], [254]], [1, 1])).toEqual(Uint8Array.of(254));
    expect(meanOf('bool', [[1], [0], [1]], [1, 1, 1])).toEqual(Uint8Array.of(1));
  });

  it('is exact where the sum is far beyond 2^53', () => {
    const large = 2 ** 52 + 1;
    expect(meanOf('int64', new Array(2000).fill([large]), new Array(2000).fill(1))).toEqual(
      BigInt64Array.of(BigInt(large)),
    );
    expect(meanOf('int64', [[large], [large + 1]], [2 ** 30, 2 ** 30])).toEqual(BigInt64Array.of(2n ** 52n + 2n));
  });

  it('takes integers of any size times weights of any size', () => {
    expect(meanOf('int64', [[2 ** 53]], [2 ** 20])).toEqual(BigInt64Array.of(2n ** 53n));
    expect(meanOf('int64', [[2 ** 52], [2 ** 52 + 4]], [1e6, 3e6])).toEqual(BigInt64Array.of(2n ** 52n + 3n));
    expect(meanOf('int32', [[2 ** 31 - 1], [-(2 ** 31)]], [2 ** 24 - 1, 1])).toEqual(Int32Array.of(2 ** 31 - 257));
    // One unit of 2^63 at the far ends of the weights decides a tie.
    const weights = [2 ** 299, 2 ** 299, 2 ** -300];
    expect(meanOf('int64', [[2], [3], [0]], weights)).toEqual(BigInt64Array.of(2n));
    expect(meanOf('int64', [[2], [3], [2 ** 62]], weights)).toEqual(BigInt64Array.of(3n));
  });

  it('starts from doubles again after a reset', () => {
    const mean = new RunningMean([specOf('a', [1], 'int64')]);
    for (let round = 0; round < 2; round++) {
      mean.add(contributionOf({ a: tensorOf('int64', [2 ** 60]) }, { weight: 2 ** -20 }));
      mean.add(contributionOf({ a: tensorOf('int64', [0]) }, { weight: 2 ** -20 }));
      expect(mean.finish().get('a')?.data).toEqual(BigInt64Array.of(2n ** 59n));
      mean.reset();
      mean.add(contributionOf({ a: tensorOf('int64', [7]) }));
      expect(mean.finish().get('a')?.data).toEqual(BigInt64Array.of(7n));
      mean.reset();
    }
  });
});

describe('maxima', () => {
  it.each<[DType, number[][], number[]]>([
    [
      'float32',
      [
        [1, -2, -0],
        [0.5, -1, 0],
      ],
      [1, -1, 0],
    ],
    ['float64', [[1e300], [1e301]], [1e301]],
    [
      'float16',
      [
        [-1, 2],
        [-2, 3],
      ],
      [-1, 3],
    ],
    ['int64', [[7], [-9]], [7]],
    ['uint8', [[7], [9]], [9]],
  ])('of %s, in both orders and over partial sums, whatever the weights', (dtype, clients, expected) => {
    for (const order of [clients, [...clients].reverse()]) {
      const specs = [specOf('a', [expected.length], dtype, { fold: 'max' })];
      const [mean, other] = [new RunningMean(specs), new RunningMean(specs)];
      for (const values of order) {
        const contribution = contributionOf({ a: tensorOf(dtype, values) }, { weight: 0 });
        mean.add(contribution);
        if (values === order[0]) other.add(contribution);
        else other.merge(partialOf(specs, contribution));
      }
      expect(mean.finish().get('a')).toStrictEqual(tensorOf(dtype, expected));
      expect(other.finish()).toStrictEqual(mean.finish());
    }
  });
});

function partialOf(specs: ConstructorParameters<typeof RunningMean>[0], ...contributions: Contribution[]): PartialSum {
  const mean = new RunningMean(specs);
  for (const contribution of contributions) mean.add(contribution);
  return mean.partial();
}

describe('RunningMean', () => {
  const specs = [specOf('b', []), specOf('a', [2, 2], 'float16'), specOf('n', [1], 'int64', { kind: 'buffer' })];
  const update = (value: number, weight = 1, sampleCount = 1) =>
    contributionOf(
      {
        a: tensorOf('float16', [value, value, value, value], [2, 2]),
        b: tensorOf('float32', [value], []),
        n: tensorOf('int64', [Math.round(value)]),
      },
      { weight, sampleCount },
    );

  it('gives tensors ascending by name, in their shapes, in memory of their own', () => {
    const mean = new RunningMean(specs);
    mean.add(update(3, 10, 10));
    const first = mean.finish();
    expect([...first]).toEqual([
      ['a', tensorOf('float64', [3, 3, 3, 3], [2, 2])],
      ['b', tensorOf('float64', [3], [])],
      ['n', tensorOf('int64', [3])],
    ]);
    mean.add(update(5, 30, 30));
    expect(first.get('b')?.data[0]).toBe(3);
    expect(mean.finish().get('b')?.data[0]).toBe(4.5);
    expect(mean.count).toBe(2);
  });

  it.each(['auto', 'plain'] as const)('may take the place of the sums, with the same result: kernel %s', (kernel) => {
    const specs = [
      specOf('a', [5]),
      specOf('b', [5], 'float64'),
      specOf('c', [6], 'float16'),
      specOf('n', [2], 'int64'),
    ];
    const values = (k: number, length: number) =>
      Array.from({ length }, (_, i) => Math.sin(3 * i + k) * 10 ** ((i - k) / 2));
    // Beyond 224 updates sums have carries.
    for (const updates of [1, 2, 3, 230]) {
      const mean = new RunningMean(specs, { kernel, smallElements: 6 });
      for (let k = 0; k < updates; k += 1) {
        const same = k % 4;
        const tensors = {
          a: tensorOf('float32', values(same, 5)),
          b: tensorOf('float64', values(same, 5)),
          c: tensorOf('float16', values(same, 6)),
          n: tensorOf('int64', [k, -k]),
        };
        mean.add(contributionOf(tensors, { weight: 1 + same }));
      }
      const expected = mean.finish();
      const inPlace = mean.finishInPlace();
      expect([...inPlace]).toStrictEqual([...expected]);
      expect(inPlace.get('a')?.data.buffer).toBe(inPlace.get('b')?.data.buffer);
      mean.reset();
      expect(codeOf(() => mean.finish())).toBe('aggregate.empty');
    }
  });

  it('starts anew after a reset', () => {
    const mean = new RunningMean(specs);
    mean.add(update(1000, 77));
    mean.reset();
    expect([mean.count, codeOf(() => mean.finish())]).toEqual([0, 'aggregate.empty']);
    mean.add(update(0.1, 3));
    expect(mean.finish().get('b')?.data[0]).toBe(Math.fround(0.1));
    expect(decodeHalves(tensorOf('float16', [0.1]).data as Uint16Array)[0]).toBe(mean.finish().get('a')?.data[0]);
  });

  it('may forget the tensors it was given', () => {
    const mean = new RunningMean([specOf('a', [2])]);
    const values = tensorOf('float32', [1, 2]);
    mean.add(contributionOf({ a: values }));
    (values.data as Float32Array).fill(100);
    expect(mean.finish().get('a')?.data).toEqual(Float64Array.of(1, 2));
  });

  it('has no mean of nothing, nor where nobody weighs anything', () => {
    expect(codeOf(() => new RunningMean(specs).finish())).toBe('aggregate.empty');
    const mean = new RunningMean(specs);
    mean.add(update(1, 0));
    expect(codeOf(() => mean.finish())).toBe('aggregate.weights');
    mean.add(update(2, 1e-80));
    expect(mean.finish().get('b')?.data[0]).toBe(2);
  });

  it.each<[string, Contribution]>([
    ['update.weight', update(1, -1)],
    ['update.weight', update(1, Number.NaN)],
    ['update.weight', update(1, 1, Number.POSITIVE_INFINITY)],
    ['update.not-finite', contributionOf({ ...tensorsOf(update(1)), b: tensorOf('float32', [Number.NaN], []) })],
    ['update.names', contributionOf({ ...tensorsOf(update(1)), c: tensorOf('float32', [1]) })],
    ['update.too-large', { ...update(1), magnitudes: Float64Array.of(1, 1, Number.NaN) }],
  ])('refuses with %s before anything counts', (code, bad) => {
    const mean = new RunningMean(specs);
    mean.add(update(2, 5));
    const before = mean.finish();
    expect(codeOf(() => mean.add(bad))).toBe(code);
    expect(mean.count).toBe(1);
    expect(mean.finish()).toEqual(before);
  });

  it('refuses values, and values times weights, beyond 2^900', () => {
    expect(codeOf(() => meanOf('float64', [[2 ** 900]], [1]))).toBe('nothing');
    expect(codeOf(() => meanOf('float64', [[2 ** 900]], [2]))).toBe('update.too-large');
    expect(codeOf(() => meanOf('float64', [[-(2 ** 901)]], [0.01].map(Math.fround)))).toBe('update.too-large');
  });
});

function tensorsOf({ update }: Contribution) {
  return Object.fromEntries(update.tensors);
}

describe('meanFold', () => {
  it('is a sum fold that tells its memory', () => {
    const fold = meanFold();
    expect([fold.kind, fold.name, fold.options]).toEqual(['sum', 'mean', {}]);
    const specs = [
      specOf('a', [4096]),
      specOf('b', [10]),
      specOf('c', [10], 'float64'),
      specOf('d', [10], 'uint8'),
      specOf('e', [10], 'int64'),
      specOf('f', [10], 'uint8', { fold: 'max' }),
    ];
    expect(fold.memoryBytes(specs, 224)).toBe(81_920 + 240 + 240 + 80 + 480 + 10);
    expect(fold.memoryBytes(specs, 225)).toBe(114_688 + 360 + 360 + 80 + 480 + 10);
    const sum = fold.start(specs.slice(1, 2));
    sum.add(contributionOf({ b: tensorOf('float32', new Array(10).fill(4)) }));
    expect(sum.finish().get('b')?.data[9]).toBe(4);
  });
});
