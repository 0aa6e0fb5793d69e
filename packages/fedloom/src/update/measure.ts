/** The largest magnitude of a tensor and its l2 norm, in the one pass that its checks take. */
import type { Tensor } from '@fedloom/engine';
import { decodeHalves } from '../core/float16.js';
import {
  and128,
  assembleModule,
  f64x2Add,
  f64x2FromFloats,
  f64x2Multiply,
  get,
  I32,
  i32Const,
  i32x4Max,
  i32x4Splat,
  increase,
  lessUnsigned,
  load64,
  load128,
  repeat,
  set,
  store128,
  V128,
  type WasmFunction,
} from '../core/wasm-assembler.js';
import { instantiate, type WasmMemory } from '../core/wasm-instance.js';
import { largestMagnitude } from './magnitude.js';

export interface Measures {
  /** As `largestMagnitude`. */
  readonly largest: number;
  /**
   * Square root of the sum of squares, in float64: of floats; 0 of integers. Finite where `largest` is, up to 2^900 and the square
   * root of their number.
   */
  readonly norm: number;
}

type Measure = (values: Float32Array) => { readonly largest: number; readonly squares: number };

/** All bits of a float32 but its sign: as integers, these are ordered as the magnitudes are, NaN above infinity. */
const MAGNITUDE_BITS = 0x7fffffff;
/** The squares of the elements i, i + 8, i + 16 and so on are added to sum i of these. */
const LANES = 8;
/** Where the kernel keeps the four lanes of its maximum, and the sums of squares; the values lie behind. */
const SQUARES_AT = 16;
const VALUES_AT = SQUARES_AT + 8 * LANES;
const PAGE_BYTES = 65536;
/** Of a part of the values that is copied at a time. */
const STAGED = PAGE_BYTES / 8;

/** Scratch memory and code, made once: a pass leaves nothing behind. */
const measureFloats: Measure = wasmMeasure() ?? plainMeasure;

export function measure(tensor: Tensor): Measures {
  const { dtype, data } = tensor;
  if (data instanceof Float32Array) return measures(measureFloats(data), data);
  if (dtype === 'float16') {
    const floats = decodeHalves(data as Uint16Array);
    return measures(plainMeasure(floats), floats);
  }
  if (data instanceof Float64Array) return measures(plainMeasure(data), data);
  return { largest: largestMagnitude(tensor), norm: 0 };
}

function measures({ largest, squares }: ReturnType<Measure>, values: Float32Array | Float64Array): Measures {
  if (Number.isFinite(squares) || !Number.isFinite(largest)) return { largest, norm: Math.sqrt(squares) };
  let sum = 0;
  for (const value of values) sum += (value / largest) ** 2;
  return { largest, norm: largest * Math.sqrt(sum) };
}

/** The readable reference of the pass: equal to the kernel's to the bit. */
export function plainMeasure(values: Float32Array | Float64Array): ReturnType<Measure> {
  const sums = new Float64Array(LANES);
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    const lane = i % LANES;
    sums[lane] = sums[lane]! + value * value;
    const magnitude = Math.abs(value);
    if (!(magnitude <= largest)) largest = Number.isNaN(largest) ? largest : magnitude;
  }
  return { largest, squares: total(sums) };
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
  const sums = new Float64Array(buffer, SQUARES_AT, LANES);
  const staging = new Float32Array(buffer, VALUES_AT, STAGED);
  return (values) => {
    lanes.fill(0);
    sums.fill(0);
    for (let from = 0; from < values.length; from += STAGED) {
      const count = Math.min(STAGED, values.length - from);
      staging.set(count === values.length ? values : values.subarray(from, from + count));
      const end = Math.ceil(count / LANES) * LANES;
      staging.fill(0, count, end);
      kernels.measure(VALUES_AT, VALUES_AT + 4 * end);
    }
    // NaN, if one of them is.
    const largest = Math.max(lanesAsFloats[0]!, lanesAsFloats[1]!, lanesAsFloats[2]!, lanesAsFloats[3]!);
    return { largest, squares: total(sums) };
  };
}

/** Takes eight floats a turn into the running maximum at address 0, and into the sums of squares behind it. */
function measureKernel(): WasmFunction {
  const [from, end, zero, mask, largest, value, firstSum] = [0, 1, 2, 3, 4, 5, 6];
  const pairs = [0, 1, 2, 3];
  const take = (offset: number) => [i32x4Max(get(largest), and128(load128(from, offset), get(mask))), set(largest)];
  const square = (pair: number) => [
    f64x2FromFloats(load64(from, 8 * pair)),
    set(value),
    f64x2Add(get(firstSum + pair), f64x2Multiply(get(value), get(value))),
    set(firstSum + pair),
  ];
  return {
    name: 'measure',
    parameters: [I32, I32],
    locals: [I32, V128, V128, V128, ...pairs.map(() => V128)],
    body: [
      i32x4Splat(i32Const(MAGNITUDE_BITS)),
      set(mask),
      load128(zero),
      set(largest),
      pairs.map((pair) => [load128(zero, SQUARES_AT + 16 * pair), set(firstSum + pair)]),
      repeat([take(0), take(16), pairs.map(square), increase(from, 32)], lessUnsigned(from, end)),
      store128(zero, get(largest)),
      pairs.map((pair) => store128(zero, get(firstSum + pair), SQUARES_AT + 16 * pair)),
    ],
  };
}
