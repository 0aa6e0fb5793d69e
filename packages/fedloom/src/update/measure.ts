/** The largest magnitude of a tensor and its l2 norm, in the one pass that its checks take. */
import type { Tensor } from '@fedloom/engine';
import { decodeHalves } from '../core/float16.js';
import {
  and128,
  assembleModule,
  type Code,
  f32x4Add,
  f32x4Multiply,
  f64x2Add,
  f64x2FromFloats,
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
  upperHalf,
  V128,
  type WasmFunction,
} from '../core/wasm-assembler.js';
import { instantiate, type WasmMemory } from '../core/wasm-instance.js';
import { largestMagnitude } from './magnitude.js';

export interface Measures {
  /** As `largestMagnitude`. */
  readonly largest: number;
  /**
   * l2 norm of floats, within 2^-19 of the exact one as a part of it, where no square is below the smallest numbers of the dtype;
   * 0 of integers. Finite where `largest` is.
   */
  readonly norm: number;
}

type Measure = (values: Float32Array) => { readonly largest: number; readonly squares: number };

/** All bits of a float32 but its sign: as integers, these are ordered as the magnitudes are, NaN above infinity. */
const MAGNITUDE_BITS = 0x7fffffff;
/** Values of a tensor that are not worth a kernel. */
const FEW = 64;
/** So many squares are added up in float32, in eight sums; then these are added in float64. */
const BLOCK = 64;
const LANES = 4;
/** Where the kernel keeps the lanes of its maximum, and the sums; the values lie behind. */
const SUMS_AT = 16;
const VALUES_AT = SUMS_AT + 8 * LANES;
const PAGE_BYTES = 65536;
/** Of the part of the values that is copied at a time. */
const STAGED = PAGE_BYTES / 8;

/** Scratch memory and code, made once: a pass leaves nothing behind. */
const measureFloats: Measure = wasmMeasure() ?? plainMeasure;

export function measure(tensor: Tensor): Measures {
  const { dtype, data } = tensor;
  if (data instanceof Float32Array) {
    const { largest, squares } = data.length <= FEW ? measureFew(data) : measureFloats(data);
    if (Number.isFinite(squares) || !Number.isFinite(largest)) return { largest, norm: Math.sqrt(squares) };
    return { largest, norm: scaledNorm(data, largest) };
  }
  const largest = largestMagnitude(tensor);
  if (dtype === 'float16') return { largest, norm: scaledNorm(decodeHalves(data as Uint16Array), largest) };
  return { largest, norm: data instanceof Float64Array ? scaledNorm(data, largest) : 0 };
}

/** Before a kernel has begun, these are done. */
function measureFew(values: Float32Array): ReturnType<Measure> {
  let largest = 0;
  let squares = 0;
  for (const value of values) {
    // NaN, if one of them is.
    largest = Math.max(largest, Math.abs(value));
    squares += value * value;
  }
  return { largest, squares };
}

/** Whatever the largest magnitude, its square is 1. */
function scaledNorm(values: Float32Array | Float64Array, largest: number): number {
  if (largest === 0 || !Number.isFinite(largest)) return largest;
  let sum = 0;
  for (const value of values) sum += (value / largest) ** 2;
  return largest * Math.sqrt(sum);
}

/** The readable reference of the pass: equal to the kernel's to the bit. */
export function plainMeasure(values: Float32Array): ReturnType<Measure> {
  const sums = new Float64Array(LANES);
  for (let from = 0; from < values.length; from += BLOCK) {
    for (let lane = 0; lane < LANES; lane += 1) {
      const [first, second] = [0, LANES].map((half) => {
        let sum = 0;
        for (let i = half + lane; i < BLOCK; i += 2 * LANES) {
          const value = values[from + i] ?? 0;
          sum = Math.fround(sum + Math.fround(value * value));
        }
        return sum;
      });
      sums[lane] = sums[lane]! + Math.fround(first! + second!);
    }
  }
  return {
    largest: largestMagnitude({ dtype: 'float32', shape: [values.length], data: values }),
    squares: total(sums),
  };
}

function total(sums: Float64Array): number {
  return sums.reduce((sum, part) => sum + part, 0);
}

/** The pass as a WebAssembly kernel, four floats at once; undefined where the platform lacks it. */
export function wasmMeasure(): Measure | undefined {
  const kernels = instantiate<{ memory: WasmMemory; measure(from: number, end: number): void }>(
    assembleModule(1, [measureKernel()]),
  );
  if (kernels === undefined) return undefined;
  const { buffer } = kernels.memory;
  const lanes = new Int32Array(buffer, 0, 4);
  const lanesAsFloats = new Float32Array(buffer, 0, 4);
  const sums = new Float64Array(buffer, SUMS_AT, LANES);
  const staging = new Float32Array(buffer, VALUES_AT, STAGED);
  return (values) => {
    lanes.fill(0);
    sums.fill(0);
    for (let from = 0; from < values.length; from += STAGED) {
      const count = Math.min(STAGED, values.length - from);
      staging.set(count === values.length ? values : values.subarray(from, from + count));
      const end = Math.ceil(count / BLOCK) * BLOCK;
      staging.fill(0, count, end);
      kernels.measure(VALUES_AT, VALUES_AT + 4 * end);
    }
    // NaN, if one of them is.
    const largest = Math.max(lanesAsFloats[0]!, lanesAsFloats[1]!, lanesAsFloats[2]!, lanesAsFloats[3]!);
    return { largest, squares: total(sums) };
  };
}

/** Takes a block a turn into the running maximum at address 0, and into the sums behind it. */
function measureKernel(): WasmFunction {
  const [from, end, zero, mask, largest, value, first, second, low, high] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  const square = f32x4Multiply(get(value), get(value));
  const take = (offset: number, sum: number): Code => [
    ...[load128(from, offset), set(value)],
    ...[i32x4Max(get(largest), and128(get(value), get(mask))), set(largest)],
    ...[offset < 32 ? square : f32x4Add(get(sum), square), set(sum)],
  ];
  const pairs = Array.from({ length: BLOCK / (2 * LANES) }, (_, i) => 32 * i);
  return {
    name: 'measure',
    parameters: [I32, I32],
    locals: [I32, V128, V128, V128, V128, V128, V128, V128],
    body: [
      ...[i32x4Splat(i32Const(MAGNITUDE_BITS)), set(mask)],
      ...[load128(zero), set(largest), load128(zero, SUMS_AT), set(low), load128(zero, SUMS_AT + 16), set(high)],
      repeat(
        [
          pairs.map((offset) => [take(offset, first), take(offset + 16, second)]),
          ...[f32x4Add(get(first), get(second)), set(first)],
          ...[f64x2Add(get(low), f64x2FromFloats(get(first))), set(low)],
          ...[f64x2Add(get(high), f64x2FromFloats(upperHalf(first))), set(high)],
          increase(from, 4 * BLOCK),
        ],
        lessUnsigned(from, end),
      ),
      ...[store128(zero, get(largest)), store128(zero, get(low), SUMS_AT), store128(zero, get(high), SUMS_AT + 16)],
    ],
  };
}
