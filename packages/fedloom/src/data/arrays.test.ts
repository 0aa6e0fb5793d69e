import { FedloomError } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { type ArraysOptions, arrays } from './arrays.js';

function errorOf(options: ArraysOptions): FedloomError {
  try {
    arrays(options);
  } catch (error) {
    if (error instanceof FedloomError) return error;
    throw error;
  }
  throw new Error('the arrays passed');
}

describe('arrays', () => {
  it('takes nested lists and labels', async () => {
    const data = arrays({
      name: 'toy',
      train: {
        x: [
          [1, 2],
          [3, 4],
          [5, 6],
        ],
        y: [0, 2, 1],
      },
      classes: 3,
      scale: 0.5,
    });
    expect(data.name).toBe('toy');
    expect(await data.spec()).toEqual({
      x: { dtype: 'float32', shape: [2], scale: 0.5 },
      y: { dtype: 'int32', shape: [], classes: 3 },
    });
    const train = await data.load('train');
    expect(train.x).toEqual({ dtype: 'float32', shape: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) });
    expect(train.y).toEqual({ dtype: 'int32', shape: [3], data: Int32Array.of(0, 2, 1) });
    expect(train.x.data.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect((await data.load('test')).x.shape).toEqual([0, 2]);
    expect(await data.load('train')).toBe(train);
  });

  it('takes typed arrays, keeps their dtypes, and copies', async () => {
    const pixels = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    const split = { x: { data: pixels, shape: [2, 1, 2, 2] }, y: Uint8Array.of(1, 0) };
    const data = arrays({ train: split, test: split, classes: 2 });
    pixels.fill(0);
    expect((await data.spec()).x).toEqual({ dtype: 'uint8', shape: [1, 2, 2] });
    expect([...(await data.load('test')).x.data]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect((await arrays({ train: { x: Int32Array.of(4, 5), y: [0, 1] }, classes: 2 }).spec()).x).toEqual({
      dtype: 'int32',
      shape: [],
    });
  });

  it.each([
    BigInt64Array.of(1n, 0n),
    BigUint64Array.of(1n, 0n),
    Int8Array.of(1, 0),
    Uint8ClampedArray.of(1, 0),
    Int16Array.of(1, 0),
    Uint16Array.of(1, 0),
    Uint32Array.of(1, 0),
    Float64Array.of(1, 0),
  ])('takes labels of any typed array: %s', async (y) => {
    const data = arrays({ train: { x: [1, 2], y }, classes: 2 });
    expect((await data.load('train')).y).toEqual({ dtype: 'int32', shape: [2], data: Int32Array.of(1, 0) });
  });

  it('takes x of any whole numbers as int32, and bytes as bytes', async () => {
    const x = (input: ArraysOptions['train']['x']) =>
      arrays({ train: { x: input, y: [0, 0] }, classes: 1 }).load('train');
    expect((await x(BigInt64Array.of(-5n, 7n))).x.data).toEqual(Int32Array.of(-5, 7));
    expect((await x(Uint16Array.of(5, 7))).x.data).toEqual(Int32Array.of(5, 7));
    expect((await x(Uint8ClampedArray.of(5, 7))).x.data).toEqual(Uint8Array.of(5, 7));
    await expect(async () => x(BigInt64Array.of(0n, 2n ** 40n))).rejects.toThrow(
      /x holds 1099511627776 at place 1, which is no whole number that int32 holds/,
    );
  });

  it('keeps what else is known of each sample', async () => {
    const data = arrays({ train: { x: [1, 2, 3], y: [0, 0, 0], columns: { site: ['b', 7, 'b'] } }, classes: 1 });
    expect((await data.load('train')).columns).toEqual(
      new Map([['site', { values: ['b', '7'], codes: Int32Array.of(0, 1, 0) }]]),
    );
  });

  it('takes regression targets where no classes are given', async () => {
    const data = arrays({
      train: {
        x: Float64Array.of(1, 2),
        y: [
          [0.5, 1],
          [-3, 0],
        ],
      },
    });
    expect((await data.spec()).y).toEqual({ dtype: 'float32', shape: [2] });
    expect((await data.load('train')).y.data).toEqual(Float32Array.of(0.5, 1, -3, 0));
  });

  const x = [
    [1, 2],
    [3, 4],
  ];
  it.each<[string, RegExp, ArraysOptions]>([
    ['data.shape', /train split: x is ragged/, { train: { x: [[1, 2], [3]], y: [0, 1] } }],
    ['data.shape', /x has no leading dimension/, { train: { x: 5, y: [0] } }],
    [
      'data.shape',
      /x has 3 elements where its shape \[2, 2\] holds 4/,
      { train: { x: { data: new Float32Array(3), shape: [2, 2] }, y: [0, 1] } },
    ],
    ['data.shape', /2 samples in x but 3 in y/, { train: { x, y: [0, 1, 1] }, classes: 2 }],
    [
      'data.shape',
      /test split: x has shape \[1, 3\]; expected is \[samples, 2\]/,
      { train: { x, y: [0, 1] }, test: { x: [[1, 2, 3]], y: [0] } },
    ],
    [
      'data.dtype',
      /test split: x holds uint8; expected is float32/,
      { train: { x: [1], y: [0] }, test: { x: Uint8Array.of(1), y: [0] } },
    ],
    ['data.labels', /sample 1 has label 2, but the 2 classes are 0 to 1/, { train: { x, y: [0, 2] }, classes: 2 }],
    ['data.labels', /sample 0 has label -1/, { train: { x, y: [-1, 0] }, classes: 2 }],
    [
      'data.labels',
      /holds 0\.5 at place 1, which is no whole number that int32 holds\. Labels are whole numbers/,
      { train: { x, y: [0, 0.5] }, classes: 2 },
    ],
    [
      'data.not-finite',
      /sample 1 holds NaN in x at \[0\]/,
      {
        train: {
          x: [
            [1, 2],
            [Number.NaN, 4],
          ],
          y: [0, 1],
        },
      },
    ],
    [
      'data.labels',
      /sample 1 has label 3, but the 3 classes/,
      {
        train: {
          x: [[1], [2]],
          y: [
            [0, 1],
            [2, 3],
          ],
        },
        classes: 3,
      },
    ],
    ['data.not-finite', /sample 0 holds Infinity in y/, { train: { x, y: [Number.POSITIVE_INFINITY, 1] } }],
    ['data.classes', /y is a Int32Array and "classes" is not set/, { train: { x, y: Int32Array.of(0, 1) } }],
    ['data.classes', /y is a BigInt64Array and "classes" is not set/, { train: { x, y: BigInt64Array.of(0n, 1n) } }],
    [
      'data.labels',
      /holds 5000000000 at place 1/,
      { train: { x, y: BigInt64Array.of(0n, 5_000_000_000n) }, classes: 2 },
    ],
    [
      'data.shape',
      /column "site" has 1 entries for 2 samples/,
      { train: { x, y: [0, 1], columns: { site: ['a'] } }, classes: 2 },
    ],
    ['data.classes', /classes must be a whole number/, { train: { x, y: [0, 1] }, classes: 0 }],
    ['data.scale', /scale must be a finite number/, { train: { x, y: [0, 1] }, scale: Number.NaN }],
    ['data.empty', /the train split has no samples/, { train: { x: [], y: [] } }],
  ])('refuses with %s: %s', (code, message, options) => {
    const error = errorOf(options);
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
  });
});
