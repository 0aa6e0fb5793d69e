import type { Tensor } from '@fedloom/engine';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { movedBy } from '../algorithms/server-math.js';
import { changeOf, changesOf } from './delta.js';

const floats = (...values: number[]): Tensor => ({
  dtype: 'float32',
  shape: [values.length],
  data: Float32Array.from(values),
});

describe('changeOf', () => {
  it('is zero where nothing was trained, in memory of its own, and leaves the base as it was', () => {
    const base = floats(1, -0, 3e38);
    for (const into of ['own', 'local'] as const) {
      expect(changeOf(base, base, into).data).toEqual(Float32Array.of(0, 0, 0));
    }
    expect(base.data).toEqual(Float32Array.of(1, -0, 3e38));
  });

  it('is the difference of floats in their dtype, and of all others the value', () => {
    expect(changeOf(floats(1.5, 2), floats(1, 4)).data).toEqual(Float32Array.of(0.5, -2));
    const bytes: Tensor = { dtype: 'uint8', shape: [1], data: Uint8Array.of(3) };
    expect(changeOf(bytes, { ...bytes, data: Uint8Array.of(200) })).toEqual(bytes);
    const halves = (bits: number): Tensor => ({ dtype: 'float16', shape: [1], data: Uint16Array.of(bits) });
    expect(changeOf(halves(0x4000), halves(0x3c00)).data).toEqual(Uint16Array.of(0x3c00)); // 2 - 1
  });

  it('is of those tensors alone that the base has', () => {
    const changes = changesOf(new Map([['a', floats(1)], ['b', floats(2)]]), new Map([['b', floats(2)]])); // biome-ignore format: one line
    expect([...changes.keys()]).toEqual(['b']);
  });

  it('added to the base gives what was trained, within an ulp of the larger of the two', () => {
    const value = fc.float({ noNaN: true, noDefaultInfinity: true, min: -(2 ** 100), max: 2 ** 100 });
    fc.assert(
      fc.property(value, value, (from, to) => {
        const base = floats(from);
        const change = changeOf(floats(to), base).data as Float32Array;
        const [back] = movedBy(base, Float64Array.from(change)).data as Float32Array;
        const ulp = 2 ** -23 * Math.max(Math.abs(from), Math.abs(to), 2 ** -126);
        expect(Math.abs((back ?? Number.NaN) - to)).toBeLessThanOrEqual(ulp);
      }),
    );
  });
});

describe('movedBy', () => {
  it('keeps every bit where the change is zero, of either sign', () => {
    const base = floats(-0, 1e-45, 7);
    for (const zero of [0, -0]) {
      const { data } = movedBy(base, new Float64Array(3).fill(zero));
      expect(new Uint32Array((data as Float32Array).buffer)).toEqual(
        new Uint32Array((base.data as Float32Array).buffer),
      );
    }
  });
});
