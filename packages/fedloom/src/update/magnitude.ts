import type { Tensor } from '@fedloom/engine';
import { decodeHalves } from '../core/float16.js';
import {
  and128,
  assembleModule,
  get,
  I32,
  i32Const,
  i32x4Max,
  i32x4Splat,
  increase,
  lessUnsigned,
  load128,
  repeat,
  set,
  store128,
  V128,
  type WasmFunction,
} from '../core/wasm-assembler.js';
import { instantiate, type WasmMemory } from '../core/wasm-instance.js';

/** All bits of a float32 but its sign. As integers, these are ordered as the magnitudes are, NaN above infinity. */
const MAGNITUDE_BITS = 0x7fffffff;
/** Where the kernel leaves the four lanes of its maximum; the values lie behind it. */
const RESULT_BYTES = 16;
const PAGE_BYTES = 65536;

/** The largest magnitude of some floats; NaN if one of them is NaN, 0 if there are none. */
type Scan = (values: Float32Array) => number;

/** Scratch memory and code, made once: a scan leaves nothing behind. */
const scanFloats: Scan = wasmScan() ?? plainScan;

/**
 * The largest magnitude among a tensor's elements: NaN if one of them is NaN, infinity if one is infinite, 0 if it is
 * empty. Integers beyond 2^53 are rounded.
 */
export function largestMagnitude({ dtype, data }: Tensor): number {
  if (data instanceof Float32Array) return scanFloats(data);
  if (dtype === 'float16') return plainScan(decodeHalves(data as Uint16Array));
  if (data instanceof BigInt64Array)
    return data.reduce((largest, value) => Math.max(largest, Math.abs(Number(value))), 0);
  return plainScan(data);
}

/** The readable reference of the scan. */
export function plainScan(values: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i]!);
    if (magnitude <= largest) continue;
    if (Number.isNaN(magnitude)) return Number.NaN;
    largest = magnitude;
  }
  return largest;
}

/** The scan as a WebAssembly kernel, four floats at once; undefined where the platform lacks it. */
export function wasmScan(): Scan | undefined {
  const kernels = instantiate<{ memory: WasmMemory; scan(from: number, end: number): void }>(
    assembleModule(1, [scanKernel()]),
  );
  if (kernels === undefined) return undefined;
  const lanes = new Int32Array(kernels.memory.buffer, 0, 4);
  const lanesAsFloats = new Float32Array(kernels.memory.buffer, 0, 4);
  const staging = new Float32Array(kernels.memory.buffer, RESULT_BYTES, PAGE_BYTES / 8);
  return (values) => {
    lanes.fill(0);
    for (let from = 0; from < values.length; from += staging.length) {
      const count = Math.min(staging.length, values.length - from);
      staging.set(count === values.length ? values : values.subarray(from, from + count));
      const end = Math.ceil(count / 8) * 8;
      staging.fill(0, count, end);
      kernels.scan(RESULT_BYTES, RESULT_BYTES + 4 * end);
    }
    // NaN, if one of them is.
    return Math.max(lanesAsFloats[0]!, lanesAsFloats[1]!, lanesAsFloats[2]!, lanesAsFloats[3]!);
  };
}

/** Takes eight floats a turn into the running maximum at address 0. */
function scanKernel(): WasmFunction {
  const [from, end, zero, mask, largest] = [0, 1, 2, 3, 4];
  const take = (offset: number) => [i32x4Max(get(largest), and128(load128(from, offset), get(mask))), set(largest)];
  return {
    name: 'scan',
    parameters: [I32, I32],
    locals: [I32, V128, V128],
    body: [
      i32x4Splat(i32Const(MAGNITUDE_BITS)),
      set(mask),
      load128(zero),
      set(largest),
      repeat([take(0), take(16), increase(from, 32)], lessUnsigned(from, end)),
      store128(zero, get(largest)),
    ],
  };
}
