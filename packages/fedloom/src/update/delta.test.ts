import type { Tensor } from '@fedloom/engine';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { movedBy } from '../algorithms/server-math.js';
import { encodeSafetensors, safetensorsEncoder } from '../core/safetensors.js';
import { encodeChanges } from './delta.js';
import { plainSubtractions, wasmSubtractions } from './subtract.js';
import { changeOf, changesOf } from './testing/changes.js';

const encode = safetensorsEncoder(64);

const floats = (...values: number[]): Tensor => ({
  dtype: 'float32',
  shape: [values.length],
  data: Float32Array.from(values),
});

describe('changeOf', () => {
  it('is zero where nothing was trained, and leaves the base as it was', () => {
    const base = floats(1, -0, 3e38);
    expect(changeOf(base, base).data).toEqual(Float32Array.of(0, 0, 0));
    expect(base.data).toEqual(Float32Array.of(1, -0, 3e38));
  });

  it('is the difference of floats in their dtype, and of all others the value', () => {
    expect(changeOf(floats(1.5, 2), floats(1, 4)).data).toEqual(Float32Array.of(0.5, -2));
    const bytes: Tensor = { dtype: 'uint8', shape: [1], data: Uint8Array.of(3) };
    expect(changeOf(bytes, { ...bytes, data: Uint8Array.of(200) })).toEqual(bytes);
    const halves = (bits: number): Tensor => ({ dtype: 'float16', shape: [1], data: Uint16Array.of(bits) });
    expect(changeOf(halves(0x4000), halves(0x3c00)).data).toEqual(Uint16Array.of(0x3c00)); // 2 - 1
  });

  it('is of those tensors alone that the base has; uploads go with them as they are', () => {
    const local = new Map([
      ['a', floats(1)],
      ['b', floats(2)],
    ]);
    const changes = changesOf(local, new Map([['b', floats(2)]]), new Map([['slot/b', floats(7)]]));
    expect(changes).toEqual(
      new Map([
        ['b', floats(0)],
        ['slot/b', floats(7)],
      ]),
    );
  });

  it('lies where the value would: tensors of all sizes, of several dtypes', () => {
    const tensors = new Map<string, Tensor>([
      ['a', { dtype: 'bool', shape: [3], data: Uint8Array.of(1, 0, 1) }],
      ['b', { dtype: 'float32', shape: [1001], data: Float32Array.from({ length: 1001 }, (_, i) => i / 7) }],
      ['c', { dtype: 'float64', shape: [77], data: Float64Array.from({ length: 77 }, (_, i) => i / 7) }],
      ['d', { dtype: 'int64', shape: [], data: BigInt64Array.of(5n) }],
    ]);
    const zeroOf = ({ data, ...tensor }: Tensor): Tensor => {
      return { ...tensor, data: data instanceof BigInt64Array ? data.slice() : data.slice().fill(0) };
    };
    const zeros = new Map([...tensors].map(([name, tensor]) => [name, zeroOf(tensor)]));
    expect(encodeChanges(encode, tensors, zeros)).toEqual(encodeSafetensors(tensors));
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

describe('the kernels of differences', () => {
  const numbers = { noNaN: false, noDefaultInfinity: false } as const;
  it.each(['floats', 'doubles'] as const)('of %s are the plain ones, bit for bit, in place too', (kind) => {
    const wasm = wasmSubtractions();
    if (wasm === undefined) throw new Error('no WebAssembly here');
    const element = kind === 'floats' ? fc.float(numbers) : fc.double(numbers);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(element, element), { minLength: 1, maxLength: 8 }),
        fc.constantFrom(1, 63, 64, 67, 8192, 8193, 20_001),
        (pairs, length) => {
          const run = (subtractions: typeof wasm, inPlace: boolean) => {
            const side = (at: 0 | 1) => Array.from({ length }, (_, i) => pairs[i % pairs.length]?.[at] ?? 0);
            if (kind === 'floats') {
              const [values, base] = [Float32Array.from(side(0)), Float32Array.from(side(1))];
              const into = inPlace ? values : new Float32Array(length);
              subtractions.floats(values, base, into);
              return into;
            }
            const [values, base] = [Float64Array.from(side(0)), Float64Array.from(side(1))];
            const into = inPlace ? values : new Float64Array(length);
            subtractions.doubles(values, base, into);
            return into;
          };
          const expected = run(plainSubtractions, false);
          expect(run(wasm, false)).toEqual(expected);
          expect(run(wasm, true)).toEqual(expected);
        },
      ),
      { numRuns: 40 },
    );
  });
});
