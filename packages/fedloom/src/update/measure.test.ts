import type { Tensor, TensorData } from '@fedloom/engine';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeHalves } from '../core/float16.js';
import { measure, plainMeasure, wasmMeasure } from './measure.js';

const tensor = (dtype: Tensor['dtype'], data: TensorData): Tensor => ({ dtype, shape: [data.length], data });

describe('wasmMeasure', () => {
  const kernel = wasmMeasure()!;

  it('equals the reference to the bit', () => {
    fc.assert(
      fc.property(fc.array(fc.float(), { maxLength: 40 }), (list) => {
        const values = Float32Array.from(list);
        expect(kernel(values)).toEqual(plainMeasure(values));
      }),
    );
    const long = Float32Array.from({ length: 40_003 }, (_, i) => Math.sin(i) * 10 ** ((i % 60) - 30));
    expect(kernel(long)).toEqual(plainMeasure(long));
  });

  it('remembers nothing of the pass before', () => {
    expect(kernel(new Float32Array(20).fill(9))).toEqual({ largest: 9, squares: 20 * 81 });
    expect(kernel(Float32Array.of(-1))).toEqual({ largest: 1, squares: 1 });
    expect(kernel(new Float32Array())).toEqual({ largest: 0, squares: 0 });
  });
});

describe('measure', () => {
  it.each<[Tensor, number, number]>([
    [tensor('float32', Float32Array.of(3, -4)), 4, 5],
    [tensor('float16', encodeHalves(Float64Array.of(3, -4))), 4, 5],
    [tensor('float32', Float32Array.of(1, Number.NaN)), Number.NaN, Number.NaN],
    [tensor('float64', Float64Array.of(Number.NEGATIVE_INFINITY)), Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
    [tensor('int64', BigInt64Array.of(3n, -4n)), 4, 0],
    [tensor('float32', new Float32Array()), 0, 0],
  ])('of %o', (values, largest, norm) => {
    expect(measure(values)).toEqual({ largest, norm });
  });

  it('gives the norm of what float64 has no squares for', () => {
    const { largest, norm } = measure(tensor('float64', Float64Array.of(3e200, -4e200)));
    expect(largest).toBe(4e200);
    expect(norm / 5e200).toBeCloseTo(1, 14);
  });
});
