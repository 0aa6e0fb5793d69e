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

  it.each([
    ['float64', Float64Array.of(3e200, -4e200)],
    ['float32', Float32Array.of(3e30, -4e30)],
  ] as const)('gives the norm of %s whose squares it has no numbers for', (dtype, values) => {
    const { largest, norm } = measure(tensor(dtype, values));
    expect(norm / (1.25 * largest)).toBeCloseTo(1, 6);
  });

  it('is within 2^-19 of the exact norm', () => {
    const values = Float32Array.from({ length: 100_003 }, (_, i) => Math.sin(i) * 10 ** ((i % 5) - 3));
    const exact = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
    expect(Math.abs(measure(tensor('float32', values)).norm / exact - 1)).toBeLessThan(2 ** -19);
  });
});
