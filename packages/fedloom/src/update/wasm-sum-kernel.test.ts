import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { RandomStream } from '../core/random.js';
import { levelOf, quantum } from './quanta.js';
import { plainKernel, type SumKernel, type SumSlot } from './sum-kernel.js';
import { wasmKernel } from './wasm-sum-kernel.js';

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

function bits({ parts }: SumKernel): bigint[] {
  return parts.flatMap((part) => [...new BigUint64Array(part.slice().buffer)]);
}

const level = levelOf(2 ** 44);
const kinds = [
  { Values: Float32Array, parts: 2 },
  { Values: Float64Array, parts: 3 },
] as const;
const slotOf = (at: number, length: number, parts: 2 | 3): SumSlot => ({ at, length, parts, level });
const lengthsOf = (length: number, parts: 2 | 3) => {
  const padded = Math.ceil(length / 4) * 4;
  return parts === 2 ? { two: padded, three: 0 } : { two: 0, three: padded };
};
/** Both kernels, for slots of one kind. */
function both(length: number, parts: 2 | 3): [SumKernel, SumKernel] {
  return [plainKernel(lengthsOf(length, parts)), wasmKernel(lengthsOf(length, parts))!];
}

// Around whole vectors, and around the pieces in which values are copied in (8192 floats, 4096 doubles).
const sizes = [1, 2, 3, 4, 5, 7, 8, 100, 4095, 4096, 4097, 8191, 8192, 8193, 20_001];

describe.each(kinds)('wasmKernel of $parts parts', ({ Values, parts }) => {
  it.each(sizes)('equals the reference to the bit for %i values', (length) => {
    const [plain, wasm] = both(length, parts);
    const slot = slotOf(0, length, parts);
    for (const [index, weight] of [1, 600, 0.1, 1e6].entries()) {
      const values = Values.from(awkwardValues(length, index));
      for (const kernel of [plain, wasm]) kernel.add(values, slot, weight);
      if (index % 2 === 0) wasm.settle();
    }
    wasm.settle();
    expect(bits(wasm)).toEqual(bits(plain));
  });

  it('adds updates of several tensors two by two, whatever comes between', () => {
    const [plain, wasm] = both(8208, parts);
    const [a, b, c] = [slotOf(0, 8190, parts), slotOf(8192, 5, parts), slotOf(8200, 8, parts)];
    const add = (update: number, slots: readonly SumSlot[]) => {
      for (const slot of slots) {
        const values = Values.from(awkwardValues(slot.length, update));
        for (const kernel of [plain, wasm]) kernel.add(values, slot, 1 + update);
      }
    };
    for (const update of [0, 1, 2]) add(update, [a, b, c]);
    // Some tensors, tensors in another order, and one update less than even.
    add(3, [b]);
    add(4, [c, b, a]);
    add(5, [b]);
    add(6, [a, b, c]);
    wasm.settle();
    expect(bits(wasm)).toEqual(bits(plain));
    for (const update of [7, 8, 9]) add(update, [a, b, c]);
    wasm.settle();
    expect(bits(wasm)).toEqual(bits(plain));
    // What still waits is forgotten, too.
    add(10, [a]);
    for (const kernel of [plain, wasm]) kernel.clear();
    add(11, [c]);
    wasm.settle();
    expect(bits(wasm)).toEqual(bits(plain));
  });

  it('adds nothing for no values, whatever stands behind them', () => {
    const [plain, wasm] = both(8, parts);
    for (const kernel of [plain, wasm]) {
      kernel.add(new Values(0), slotOf(0, 0, parts), 3);
      kernel.add(Values.of(1, 2, 3, 4, 5), slotOf(0, 5, parts), 3);
      kernel.add(new Values(0), slotOf(8, 0, parts), 3);
      kernel.settle();
    }
    expect(bits(wasm)).toEqual(bits(plain));
    expect(bits(wasm).some((value) => value !== 0n)).toBe(true);
  });
});

describe('wasmKernel', () => {
  it('keeps slots of two and of three parts apart', () => {
    const kernels = [plainKernel({ three: 8, two: 8 }), wasmKernel({ three: 8, two: 8 })!] as const;
    const [doubles, floats] = [slotOf(0, 7, 3), slotOf(8, 6, 2)];
    for (const kernel of kernels) {
      for (const update of [0, 1, 2]) {
        kernel.add(Float32Array.from(awkwardValues(6, update)), floats, 3);
        kernel.add(Float64Array.from(awkwardValues(7, update)), doubles, 0.3);
      }
      kernel.settle();
    }
    expect(bits(kernels[1])).toEqual(bits(kernels[0]));
  });

  it.each([1, 2, 5, 4096, 4097])('divides %i sums as the reference does, those between two quanta, too', (length) => {
    const slot = slotOf(4, length, 2);
    const random = RandomStream.of(5, 'sums', length);
    const [plain, wasm] = [plainKernel({ three: 0, two: 4104 }), wasmKernel({ three: 0, two: 4104 })!];
    const ties = [2 ** 45, -(2 ** 45), 3 * 2 ** 45, 0, -0, 2 ** 46, 2 ** 45 - 1];
    for (const [part, lowest] of [quantum(level), quantum(level - 1)].entries()) {
      for (let i = 0; i < length; i++) {
        const quanta = random.next() < 0.6 ? ties[random.integer(ties.length)]! : random.integer(2 ** 31) * 2 ** 21;
        for (const { parts } of [plain, wasm]) parts[part]![4 + i] = quanta * lowest;
      }
    }
    const [expected, quotients] = [new Float64Array(length), new Float64Array(length)];
    plain.divide(slot, 7, expected);
    wasm.divide(slot, 7, quotients);
    expect(quotients).toStrictEqual(expected);
    expect(expected.some((value) => value !== 0)).toBe(true);
  });

  it('finds the largest sum of a slot, whatever stands beside it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(), (length, seed) => {
        const lengths = { three: 48, two: 8 };
        const kernels = [plainKernel(lengths), wasmKernel(lengths)!] as const;
        const [before, slot, after] = [slotOf(0, 4, 3), slotOf(4, length, 3), slotOf(44, 3, 3)];
        const values = Float32Array.from(awkwardValues(length, seed));
        for (const kernel of kernels) {
          kernel.add(values, slot, 3);
          for (const other of [before, after]) kernel.add(new Float32Array(other.length).fill(2 ** 40), other, 1);
        }
        for (const part of [0, 1, 2]) {
          const largest = Math.max(...kernels[0].parts[part]!.slice(4, 4 + length).map(Math.abs));
          for (const kernel of kernels) expect(kernel.largest(slot, part)).toBe(largest);
        }
      }),
    );
  });

  it('reads values over shared memory and views with an offset', () => {
    const shared = new Float32Array(new SharedArrayBuffer(40), 4, 6);
    shared.set([1, 2, 3, 4, 5, 6]);
    const kernel = wasmKernel({ two: 8, three: 0 })!;
    const slot = { ...slotOf(0, 6, 2), level: levelOf(2 ** 30) };
    kernel.add(shared, slot, 2);
    kernel.settle();
    const [high, low] = kernel.parts;
    expect([...high.map((value, i) => value + low[i]!)]).toEqual([2, 4, 6, 8, 10, 12, 0, 0]);
  });

  it('is undefined without WebAssembly, and for sums beyond its memory', () => {
    expect(wasmKernel({ two: 2 ** 28, three: 0 })).toBeUndefined();
    vi.stubGlobal('WebAssembly', undefined);
    expect(wasmKernel({ two: 4, three: 0 })).toBeUndefined();
  });

  it('is undefined where the platform refuses the module or the memory', () => {
    vi.stubGlobal('WebAssembly', { ...functionsOf(WebAssemblyHere), validate: () => false });
    expect(wasmKernel({ two: 4, three: 0 })).toBeUndefined();
    class NoMemory {
      constructor() {
        throw new RangeError('could not allocate memory');
      }
    }
    vi.stubGlobal('WebAssembly', { ...functionsOf(WebAssemblyHere), Instance: NoMemory });
    expect(wasmKernel({ two: 4, three: 0 })).toBeUndefined();
  });
});

const WebAssemblyHere = (globalThis as unknown as { WebAssembly: Record<string, unknown> }).WebAssembly;

function functionsOf(platform: Record<string, unknown>) {
  return { validate: platform.validate, Module: platform.Module, Instance: platform.Instance };
}
