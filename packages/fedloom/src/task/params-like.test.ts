import { describe, expect, it } from 'vitest';
import { type ParamsLike, toNamedTensors } from './params-like.js';

const read = (params: unknown) => toNamedTensors(params as ParamsLike, 'The trainer of client 3');

describe('toNamedTensors', () => {
  it('takes objects and maps, and sorts by name', () => {
    expect([...read({ b: [1], a: [2] }).keys()]).toEqual(['a', 'b']);
    expect([
      ...read(
        new Map([
          ['b', [1]],
          ['B', [2]],
        ]),
      ).keys(),
    ]).toEqual(['B', 'b']);
  });

  it('reads nested lists as float32', () => {
    const tensor = read({
      w: [
        [1, 2, 3],
        [4, 5, 6.1],
      ],
    }).get('w');
    expect(tensor).toEqual({ dtype: 'float32', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6.1) });
    expect(read({ s: 2 }).get('s')).toEqual({ dtype: 'float32', shape: [], data: Float32Array.of(2) });
  });

  it('keeps typed arrays and tensors as they are', () => {
    const data = Float64Array.of(1, 2);
    expect(read({ w: data }).get('w')!.data).toBe(data);
    expect(read({ w: data }).get('w')!.dtype).toBe('float64');
    const tensor = { dtype: 'int64', shape: [2, 1], data: BigInt64Array.of(1n, 2n) };
    expect(read({ w: tensor }).get('w')).toBe(tensor);
  });

  it.each([
    [{}, /gave no parameters/],
    [
      { w: [[1, 2], [3]] },
      /parameter "w" as lists that cannot be one: it is ragged: its first elements have shape \[2, 2\], .* at \[1\]/,
    ],
    [{ w: [[1], 2] }, /ragged/],
    [{ w: [] }, /empty list/],
    [{ w: ['1'] }, /something else than a number at \[0\]/],
    [{ w: null }, /something else than a tensor/],
    [{ w: { values: [1] } }, /something else than a tensor/],
    [{ w: { dtype: 'float32', shape: [3], data: new Float32Array(2) } }, /holds 3 elements, but 2 of data/],
  ])('refuses %o, naming the parameter', (params, message) => {
    expect(() => read(params)).toThrow(message);
    expect(() => read(params)).toThrow(/The trainer of client 3/);
  });
});
