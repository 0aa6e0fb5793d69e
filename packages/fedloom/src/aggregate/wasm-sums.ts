import {
  assembleModule,
  type Code,
  F64,
  f64Const,
  f64x2Add,
  f64x2FromFloats,
  f64x2Multiply,
  f64x2Splat,
  f64x2Subtract,
  get,
  I32,
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
import { type ExactSums, HIGH_ROUNDER, LOW_ROUNDER } from './exact-sum.js';

const PAGE_BYTES = 65536;
const PAGES_MAX = 65536;
/** Values are copied in by pieces of this size, which stay in the cache between copy and addition. */
const STAGING_BYTES = 32768;

/** Parameters of the kernels: addresses of values, of their end, of the high and low sums; the weight. */
const VALUES = 0;
const END = 1;
const HIGH = 2;
const LOW = 3;
const WEIGHT = 4;
/** Locals: the weight and the rounders in both lanes; the terms in work. */
const WEIGHTS = 5;
const HIGH_ROUNDERS = 6;
const LOW_ROUNDERS = 7;
const X = 8;
const H = 9;

interface Kernels {
  readonly memory: WasmMemory;
  readonly addFloats: (values: number, end: number, high: number, low: number, weight: number) => void;
  readonly addDoubles: Kernels['addFloats'];
}

/**
 * The sums of `plainSums`, bit for bit, computed by a WebAssembly kernel on two elements at once.
 * Undefined where WebAssembly or its vectors are missing, or for more sums than its memory holds (2^28).
 */
export function wasmSums(length: number): ExactSums | undefined {
  const padded = Math.ceil(length / 4) * 4;
  const pages = Math.ceil((STAGING_BYTES + 16 * padded) / PAGE_BYTES);
  if (pages > PAGES_MAX) return undefined;
  const kernels = instantiate<Kernels>(assembleModule(pages, [kernel('addFloats', 4), kernel('addDoubles', 8)]));
  return kernels && sumsOver(kernels, padded);
}

function sumsOver({ memory, addFloats, addDoubles }: Kernels, length: number): ExactSums {
  const { buffer } = memory;
  const highAddress = STAGING_BYTES;
  const lowAddress = highAddress + 8 * length;
  const floats = new Float32Array(buffer, 0, STAGING_BYTES / 4);
  const doubles = new Float64Array(buffer, 0, STAGING_BYTES / 8);
  return {
    high: new Float64Array(buffer, highAddress, length),
    low: new Float64Array(buffer, lowAddress, length),
    add(values, at, weight) {
      const staging = values instanceof Float32Array ? floats : doubles;
      const addKernel = values instanceof Float32Array ? addFloats : addDoubles;
      for (let from = 0; from < values.length; from += staging.length) {
        const count = Math.min(staging.length, values.length - from);
        staging.set(count === values.length ? values : values.subarray(from, from + count));
        // The kernel works on whole vectors of 16 bytes: behind the last value it adds zeros to spare elements.
        const end = Math.ceil(count / 4) * 4;
        staging.fill(0, count, end);
        const offset = 8 * (at + from);
        addKernel(0, end * staging.BYTES_PER_ELEMENT, highAddress + offset, lowAddress + offset, weight);
      }
    },
  };
}

/** The loop of `plainSums`, four elements a turn. @param valueBytes 4 for floats, 8 for doubles */
function kernel(name: string, valueBytes: 4 | 8): WasmFunction {
  const pair = (index: number): Code =>
    valueBytes === 4 ? f64x2FromFloats(load64(VALUES, 8 * index)) : load128(VALUES, 16 * index);
  const body: Code = [
    f64x2Splat(get(WEIGHT)),
    set(WEIGHTS),
    f64x2Splat(f64Const(HIGH_ROUNDER)),
    set(HIGH_ROUNDERS),
    f64x2Splat(f64Const(LOW_ROUNDER)),
    set(LOW_ROUNDERS),
    repeat(
      [
        addPair(pair(0), 0),
        addPair(pair(1), 16),
        increase(VALUES, 4 * valueBytes),
        increase(HIGH, 32),
        increase(LOW, 32),
      ],
      lessUnsigned(VALUES, END),
    ),
  ];
  return { name, parameters: [I32, I32, I32, I32, F64], locals: [V128, V128, V128, V128, V128], body };
}

function addPair(values: Code, offset: number): Code {
  const rounded = (terms: Code, rounders: number) => f64x2Subtract(f64x2Add(terms, get(rounders)), get(rounders));
  return [
    f64x2Multiply(get(WEIGHTS), values),
    set(X),
    rounded(get(X), HIGH_ROUNDERS),
    set(H),
    store128(HIGH, f64x2Add(load128(HIGH, offset), get(H)), offset),
    store128(LOW, f64x2Add(load128(LOW, offset), rounded(f64x2Subtract(get(X), get(H)), LOW_ROUNDERS)), offset),
  ];
}
