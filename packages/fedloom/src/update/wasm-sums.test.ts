import { afterEach, describe, expect, it, vi } from 'vitest';
import { RandomStream } from '../core/random.js';
import { carry, type ExactSums, plainSums } from './exact-sum.js';
import { wasmSums } from './wasm-sums.js';

afterEach(() => {
  vi.unstubAllGlobals();
});

function awkwardValues(length: number, stream: number): number[] {
  const random = RandomStream.of(3, 'values', stream);
  const special = [0, -0, 2 ** -149, -(2 ** -130), 1, -1, 2 ** 20, 2 ** -7, 3 * 2 ** -53];
  return Array.from({ length }, () =>
    random.next() < 0.2 ? special[random.integer(special.length)]! : random.normal() * 2 ** (random.integer(50) - 30),
  );
}

function bits({ high, low }: ExactSums, length: number): bigint[] {
  return [...new BigUint64Array(high.slice(0, length).buffer), ...new BigUint64Array(low.slice(0, length).buffer)];
}

// Around whole vectors, and around the pieces in which values are copied in (8192 floats, 4096 doubles).
const lengths = [1, 2, 3, 4, 5, 7, 8, 100, 4095, 4096, 4097, 8191, 8192, 8193, 20_001];

describe.each([Float32Array, Float64Array])('wasmSums of %o', (Values) => {
  it.each(lengths)('equals the reference to the bit for %i values', (length) => {
    const padded = Math.ceil(length / 4) * 4;
    const [plain, wasm] = [plainSums(padded), wasmSums(padded)!];
    for (const [index, weight] of [1, 600, 1e6].entries()) {
      const values = Values.from(awkwardValues(length, index));
      plain.add(values, 0, weight);
      wasm.add(values, 0, weight);
    }
    expect(bits(wasm, padded)).toEqual(bits(plain, padded));
    carry(plain);
    carry(wasm);
    expect(bits(wasm, padded)).toEqual(bits(plain, padded));
  });

  it('adds updates of several tensors two by two, whatever comes between', () => {
    const add = (sums: ExactSums, update: number, tensors: readonly (readonly [at: number, length: number])[]) => {
      for (const [at, length] of tensors) sums.add(Values.from(awkwardValues(length, update)), at, 1 + update);
    };
    const whole = [
      [0, 8190],
      [8192, 5],
      [8200, 8],
    ] as const;
    const [plain, wasm] = [plainSums(8208), wasmSums(8208)!];
    for (const sums of [plain, wasm]) {
      for (const update of [0, 1, 2]) add(sums, update, whole);
      // Parts of tensors, tensors in another order, and one update less than even.
      add(sums, 3, [[8192, 3]]);
      add(sums, 4, whole.toReversed());
      add(sums, 5, [[4, 100]]);
      add(sums, 6, whole);
      expect(sums.high).toHaveLength(8208);
      for (const update of [7, 8, 9]) add(sums, update, whole);
    }
    expect(bits(wasm, 8208)).toEqual(bits(plain, 8208));
  });

  it('adds nothing for no values, whatever stands behind them', () => {
    const [plain, wasm] = [plainSums(8), wasmSums(8)!];
    for (const sums of [plain, wasm]) {
      sums.add(new Values(0), 0, 3);
      sums.add(Values.of(1, 2, 3, 4, 5), 0, 3);
      sums.add(new Values(0), 8, 3);
    }
    expect(bits(wasm, 8)).toEqual(bits(plain, 8));
  });

  it('adds where it is told and leaves the neighbours', () => {
    const [plain, wasm] = [plainSums(24), wasmSums(24)!];
    for (const sums of [plain, wasm]) {
      sums.add(Values.from(awkwardValues(24, 1)), 0, 3);
      sums.add(Values.from(awkwardValues(5, 2)), 8, 7);
    }
    expect(bits(wasm, 24)).toEqual(bits(plain, 24));
  });
});

describe('wasmSums', () => {
  it('reads values over shared memory and views with an offset', () => {
    const shared = new Float32Array(new SharedArrayBuffer(40), 4, 6);
    shared.set([1, 2, 3, 4, 5, 6]);
    const sums = wasmSums(8)!;
    sums.add(shared, 0, 2);
    expect([...sums.high]).toEqual([2, 4, 6, 8, 10, 12, 0, 0]);
  });

  it('is undefined without WebAssembly, and for sums beyond its memory', () => {
    expect(wasmSums(2 ** 28)).toBeUndefined();
    vi.stubGlobal('WebAssembly', undefined);
    expect(wasmSums(4)).toBeUndefined();
  });

  it('is undefined where the platform refuses the module or the memory', () => {
    vi.stubGlobal('WebAssembly', { ...functionsOf(WebAssemblyHere), validate: () => false });
    expect(wasmSums(4)).toBeUndefined();
    class NoMemory {
      constructor() {
        throw new RangeError('could not allocate memory');
      }
    }
    vi.stubGlobal('WebAssembly', { ...functionsOf(WebAssemblyHere), Instance: NoMemory });
    expect(wasmSums(4)).toBeUndefined();
  });
});

const WebAssemblyHere = (globalThis as unknown as { WebAssembly: Record<string, unknown> }).WebAssembly;

function functionsOf(platform: Record<string, unknown>) {
  return { validate: platform.validate, Module: platform.Module, Instance: platform.Instance };
}
