import { type DType, FedloomError, type NamedTensors, type Tensor, type TensorData } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { decodeHalves, encodeHalves } from '../core/float16.js';
import { RandomStream } from '../core/random.js';
import type { FoldSpec } from './check-update.js';
import { ExactMean } from './exact-mean.js';
import { errorOf, exactSum, shuffledIndices } from './testing/rational.js';

const spec = (name: string, shape: number[], dtype: DType = 'float32', fold: FoldSpec['fold'] = 'mean'): FoldSpec => ({
  name,
  shape,
  dtype,
  fold,
});

function tensorOf(dtype: DType, values: readonly number[], shape = [values.length]): Tensor {
  const data: Record<DType, () => TensorData> = {
    float32: () => Float32Array.from(values),
    float64: () => Float64Array.from(values),
    float16: () => encodeHalves(Float64Array.from(values)),
    int32: () => Int32Array.from(values),
    int64: () => BigInt64Array.from(values, BigInt),
    uint8: () => Uint8Array.from(values),
    bool: () => Uint8Array.from(values),
  };
  return { dtype, shape, data: data[dtype]() };
}

/** The mean of one tensor 'a' over some clients. */
function meanOf(
  dtype: DType,
  clients: readonly (readonly number[])[],
  weights: readonly number[],
  kernel?: 'plain',
): TensorData {
  const mean = new ExactMean([spec('a', [clients[0]!.length], dtype)], kernel && { kernel });
  clients.forEach((values, i) => {
    mean.add(new Map([['a', tensorOf(dtype, values)]]), weights[i]!);
  });
  return mean.finish().get('a')!.data;
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof FedloomError) return error.code;
    throw error;
  }
  return 'nothing';
}

describe('ExactMean and the order of updates', () => {
  const random = RandomStream.of(1, 'updates');
  const clients = Array.from({ length: 200 }, () =>
    Array.from({ length: 37 }, () => random.normal() * 2 ** (random.integer(40) - 30)),
  );
  const weights = clients.map(() => 1 + random.integer(5000));

  it.each<DType>(['float32', 'float64'])('gives the same bytes for all shuffles: %s', (dtype) => {
    const expected = meanOf(dtype, clients, weights);
    for (let i = 0; i < 40; i++) {
      const order = shuffledIndices(clients.length, i);
      const shuffled = meanOf(
        dtype,
        order.map((at) => clients[at]!),
        order.map((at) => weights[at]!),
      );
      expect(shuffled).toEqual(expected);
    }
  });

  it('gives the same bytes with the kernel and with the plain reference', () => {
    expect(meanOf('float32', clients, weights, 'plain')).toEqual(meanOf('float32', clients, weights));
    expect(meanOf('float64', clients, weights, 'plain')).toEqual(meanOf('float64', clients, weights));
  });

  it('holds where a plain float64 sum fails: the same three updates, one order right and one wrong', () => {
    const values = [2 ** 26, 2 ** -20, -(2 ** 26)];
    const counts = [2 ** 10, 1, 2 ** 10];
    const total = 2 ** 11 + 1;
    const plainMean = (order: number[]) =>
      Math.fround(order.reduce((sum, i) => sum + values[i]! * counts[i]!, 0) / total);
    expect(plainMean([0, 2, 1])).toBe(Math.fround(2 ** -20 / total));
    expect(plainMean([0, 1, 2])).toBe(0);
    for (const order of [
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ]) {
      const mean = meanOf(
        'float32',
        order.map((i) => [values[i]!]),
        order.map((i) => counts[i]!),
      );
      expect(mean[0]).toBe(Math.fround(2 ** -20 / total));
    }
  });

  it('holds on ordinary updates too, where a plain float64 sum depends on the order', () => {
    const plain = (order: readonly number[]) =>
      Float64Array.from(clients[0]!, (_, j) => order.reduce((sum, i) => sum + clients[i]![j]! * weights[i]!, 0));
    const forward = plain(weights.map((_, i) => i));
    expect(plain(shuffledIndices(clients.length, 1))).not.toEqual(forward);
  });
});

describe('ExactMean and exact arithmetic', () => {
  it('stays within its bound of the rational mean', () => {
    for (let run = 0; run < 30; run++) {
      const random = RandomStream.of(2, 'rational', run);
      const count = 1 + random.integer(300);
      const values = Array.from({ length: count }, () => Math.fround(random.normal() * 2 ** (random.integer(60) - 45)));
      const weights = values.map(() => 1 + random.integer(run % 2 === 0 ? 1 : 60_000));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      // Float64 in the aggregate, so that no rounding to the dtype hides anything; the products are exact.
      const mean = meanOf(
        'float64',
        values.map((value) => [value]),
        weights,
      )[0] as number;
      const bound = count * 2 ** -53 + Math.abs(mean) * total * 2 ** -52;
      expect(errorOf(mean, total, exactSum(values, weights))).toBeLessThanOrEqual(bound);
    }
  });

  it('rounds float32 once from the exact mean when it can be told', () => {
    // (1 + (1 + 2^-23)) / 2 lies halfway between two floats; a third value tips it.
    expect(meanOf('float32', [[1], [1 + 2 ** -23]], [1, 1])[0]).toBe(1);
    expect(meanOf('float32', [[1], [1 + 2 ** -23], [1 + 2 ** -22]], [2 ** 20, 2 ** 20, 1])[0]).toBe(1 + 2 ** -23);
  });

  it('averages 10,000 float16 ones to exactly one', () => {
    const mean = new ExactMean([spec('a', [3], 'float16')]);
    const ones = new Map([['a', tensorOf('float16', [1, 1, 1])]]);
    for (let i = 0; i < 10_000; i++) mean.add(ones, 1);
    expect(decodeHalves(mean.finish().get('a')!.data as Uint16Array)).toEqual(Float64Array.of(1, 1, 1));
  });

  it('averages float16 in float64 and rounds once', () => {
    const mean = meanOf('float16', [[1], [1 + 2 ** -10], [-65504]], [3, 1, 1]);
    expect(mean).toEqual(encodeHalves(Float64Array.of((4 + 2 ** -10 - 65504) / 5)));
  });

  it('weighs by the weights', () => {
    expect([
      ...(meanOf(
        'float32',
        [
          [1, 0],
          [4, 8],
        ],
        [1, 3],
      ) as Float32Array),
    ]).toEqual([3.25, 6]);
  });
});

describe('ExactMean of integers', () => {
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
  ])('of %j with weights %j rounds half to even: %i', (values, weights, expected) => {
    const clients = values.map((value) => [value]);
    expect(meanOf('int32', clients, weights)[0]).toBe(expected);
    expect(meanOf('int64', clients, weights)[0]).toBe(BigInt(expected));
  });

  it('keeps the dtypes of counters and flags', () => {
    const mean = meanOf('int64', [[2 ** 41], [2 ** 41 + 2]], [2, 2]);
    expect(mean).toEqual(BigInt64Array.of(2n ** 41n + 1n));
    expect(meanOf('uint8', [[255], [254]], [1, 1])).toEqual(Uint8Array.of(254));
    expect(meanOf('bool', [[1], [0], [1]], [1, 1, 1])).toEqual(Uint8Array.of(1));
  });
});

describe('ExactMean of maxima and kept tensors', () => {
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
    ['int32', [[-5], [3]], [3]],
    ['int64', [[7], [-9]], [7]],
    ['uint8', [[7], [9]], [9]],
    [
      'bool',
      [
        [0, 1],
        [0, 0],
      ],
      [0, 1],
    ],
  ])('takes the maximum of %s in both orders', (dtype, clients, expected) => {
    for (const order of [clients, [...clients].reverse()]) {
      const mean = new ExactMean([spec('a', [expected.length], dtype, 'max')]);
      for (const values of order) mean.add(new Map([['a', tensorOf(dtype, values)]]), 100);
      expect(mean.finish().get('a')).toEqual(tensorOf(dtype, expected));
    }
  });

  it('does not change an update of which it holds the maximum', () => {
    const update = new Map([['a', tensorOf('int64', [1])]]);
    const mean = new ExactMean([spec('a', [1], 'int64', 'max')]);
    mean.add(update, 1);
    mean.add(new Map([['a', tensorOf('int64', [5])]]), 1);
    expect(update.get('a')!.data[0]).toBe(1n);
  });

  it('keeps the server’s value whatever the clients send, and wants one', () => {
    const specs = [spec('frozen', [1], 'float32', 'keep')];
    const mean = new ExactMean(specs, { kept: new Map([['frozen', tensorOf('float32', [42])]]) });
    mean.add(new Map([['frozen', tensorOf('float32', [Number.NaN])]]), 1);
    expect(mean.finish().get('frozen')!.data[0]).toBe(42);
    expect(codeOf(() => new ExactMean(specs))).toBe('aggregate.kept');
  });
});

describe('ExactMean as an accumulator', () => {
  const specs = [spec('b', []), spec('a', [2, 2]), spec('n', [1], 'int64')];
  const update = (value: number): NamedTensors =>
    new Map([
      ['a', tensorOf('float32', [value, value, value, value], [2, 2])],
      ['b', tensorOf('float32', [value], [])],
      ['n', tensorOf('int64', [Math.round(value)])],
    ]);

  it('gives tensors ascending by name, in their shapes, in memory of their own', () => {
    const mean = new ExactMean(specs);
    mean.add(update(3), 10);
    const first = mean.finish();
    expect([...first.keys()]).toEqual(['a', 'b', 'n']);
    expect(first).toEqual(update(3));
    mean.add(update(5), 30);
    expect(first.get('b')!.data[0]).toBe(3);
    expect(mean.finish().get('b')!.data[0]).toBe(4.5);
    expect([mean.count, mean.totalWeight]).toEqual([2, 40]);
  });

  it('starts anew after a reset', () => {
    const mean = new ExactMean(specs);
    mean.add(update(1000), 77);
    mean.reset();
    expect([mean.count, mean.totalWeight]).toEqual([0, 0]);
    mean.add(update(0.1), 3);
    expect(mean.finish().get('b')!.data[0]).toBe(Math.fround(0.1));
  });

  it('divides by a fixed denominator where one is given, and says when that leaves the range', () => {
    const mean = new ExactMean([spec('a', [1], 'float16')]);
    for (let i = 0; i < 3; i++) mean.add(new Map([['a', tensorOf('float16', [40_000])]]), 1);
    expect(decodeHalves(mean.finish(4).get('a')!.data as Uint16Array)[0]).toBe(30_000);
    expect(codeOf(() => mean.finish(1))).toBe('aggregate.overflow');
    expect(() => mean.finish(0)).toThrow(RangeError);
  });

  it('checks an update whole before any of it counts', () => {
    const mean = new ExactMean(specs);
    mean.add(update(2), 5);
    const before = mean.finish();
    const bad = new Map(update(9)).set('n', tensorOf('int64', [2 ** 45]));
    expect(codeOf(() => mean.add(bad, 1))).toBe('update.too-large');
    expect(codeOf(() => mean.add(new Map(update(9)).set('b', tensorOf('float32', [Number.NaN], [])), 1))).toBe(
      'update.not-finite',
    );
    expect([mean.count, mean.totalWeight]).toEqual([1, 5]);
    expect(mean.finish()).toEqual(before);
  });

  it.each([0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('refuses the weight %d', (weight) => {
    expect(codeOf(() => new ExactMean(specs).add(update(1), weight))).toBe('update.weight');
  });

  it('refuses weights that add up beyond 2^53', () => {
    const mean = new ExactMean([spec('n', [1], 'int32')]);
    mean.add(new Map([['n', tensorOf('int32', [0])]]), Number.MAX_SAFE_INTEGER);
    expect(codeOf(() => mean.add(new Map([['n', tensorOf('int32', [0])]]), 1))).toBe('update.weight');
  });

  it('takes a thousand updates of the largest size exactly, then refuses, unharmed', () => {
    const mean = new ExactMean([spec('a', [2], 'float64'), spec('n', [1], 'int64')]);
    const largest = new Map([
      ['a', tensorOf('float64', [2 ** 26, -(2 ** 26) + 2 ** -26])],
      ['n', tensorOf('int64', [-(2 ** 33)])],
    ]);
    for (let i = 0; i < 1024; i++) mean.add(largest, 2 ** 10);
    expect(codeOf(() => mean.add(largest, 1))).toBe('update.too-large');
    expect(mean.count).toBe(1024);
    expect(mean.finish()).toEqual(largest);
  });

  it('has no mean of nothing', () => {
    expect(codeOf(() => new ExactMean(specs).finish())).toBe('aggregate.empty');
  });
});
