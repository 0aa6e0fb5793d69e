import type { Tensor, TensorData } from '@fedloom/engine';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeHalves } from '../core/float16.js';
import { largestMagnitude, plainScan, wasmScan } from './magnitude.js';

const tensor = (dtype: Tensor['dtype'], data: TensorData): Tensor => ({ dtype, shape: [data.length], data });

describe('wasmScan', () => {
  const scan = wasmScan()!;

  it('equals the reference', () => {
    fc.assert(
      fc.property(fc.array(fc.float(), { maxLength: 40 }), (list) => {
        const values = Float32Array.from(list);
        expect(scan(values)).toBe(plainScan(values));
      }),
    );
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('finds one %d at any place', (bad) => {
    for (const place of [0, 1, 7, 8, 8191, 8192, 8199, 16_383, 19_999]) {
      const values = new Float32Array(20_000).fill(-3);
      values[place] = bad;
      expect(scan(values)).toBe(Math.abs(bad));
    }
  });

  it('remembers nothing of the scan before', () => {
    expect(scan(Float32Array.of(9, 9, 9, 9, 9, 9, 9, 9))).toBe(9);
    expect(scan(Float32Array.of(-1))).toBe(1);
    expect(scan(new Float32Array())).toBe(0);
  });
});

describe('largestMagnitude', () => {
  it.each<[Tensor, number]>([
    [tensor('float32', Float32Array.of(1, -2.5)), 2.5],
    [tensor('float64', Float64Array.of(1e300, -1e301)), 1e301],
    [tensor('float64', Float64Array.of(1, Number.NaN, 2)), Number.NaN],
    [tensor('float16', encodeHalves(Float64Array.of(-65504))), 65504],
    [tensor('float16', Uint16Array.of(0x3c00, 0x7e00)), Number.NaN],
    [tensor('float16', Uint16Array.of(0xfc00)), Number.POSITIVE_INFINITY],
    [tensor('int64', BigInt64Array.of(3n, -(2n ** 63n))), 2 ** 63],
    [tensor('int32', Int32Array.of(-(2 ** 31), 5)), 2 ** 31],
    [tensor('uint8', Uint8Array.of(255, 0)), 255],
    [tensor('bool', new Uint8Array()), 0],
  ])('of %o is %d', (values, expected) => {
    expect(largestMagnitude(values)).toBe(expected);
  });
});
