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

/**
 * Parameters of the kernels: addresses of values, of their end, of the high and low sums; the weight. For two updates at
 * once, also the address of the other's values, and its weight.
 */
const [VALUES, END, HIGH, LOW, WEIGHT, OTHERS, OTHER_WEIGHT] = [0, 1, 2, 3, 4, 5, 6];
/** Locals: the weights and the rounders in both lanes; the terms in work. */
const [WEIGHTS, OTHER_WEIGHTS, HIGH_ROUNDERS, LOW_ROUNDERS, X, H, Y, G] = [7, 8, 9, 10, 11, 12, 13, 14];

type AddValues = (
  values: number,
  end: number,
  high: number,
  low: number,
  weight: number,
  others: number,
  otherWeight: number,
) => void;

interface Kernels {
  readonly memory: WasmMemory;
  readonly addFloats: AddValues;
  readonly addDoubles: AddValues;
  readonly addTwoFloats: AddValues;
}

/**
 * The sums of `plainSums`, bit for bit, computed by a WebAssembly kernel on two elements at once. The time goes to reading
 * and writing the sums, four times the size of an update: so the floats of one update wait for the next, to be added with
 * it in one pass, where there is memory for them.
 *
 * Undefined where WebAssembly or its vectors are missing, or for more sums than its memory holds (2^28).
 */
export function wasmSums(length: number): ExactSums | undefined {
  const padded = Math.ceil(length / 4) * 4;
  const pagesFor = (bytesEach: number) => Math.ceil((STAGING_BYTES + bytesEach * padded) / PAGE_BYTES);
  const room = pagesFor(20) <= PAGES_MAX ? padded : 0;
  const pages = pagesFor(room === 0 ? 16 : 20);
  if (pages > PAGES_MAX) return undefined;
  const functions = [kernel('addFloats', 4), kernel('addDoubles', 8), kernel('addTwoFloats', 4, true)];
  const kernels = instantiate<Kernels>(assembleModule(pages, functions));
  return kernels && new WasmSums(kernels, padded, room);
}

/** Floats of an update that wait, each in the place of its sum. */
interface Waiting {
  readonly at: number;
  readonly length: number;
  readonly weight: number;
}

class WasmSums implements ExactSums {
  readonly #kernels: Kernels;
  readonly #highAddress = STAGING_BYTES;
  readonly #lowAddress: number;
  readonly #waitingAddress: number;
  readonly #high: Float64Array;
  readonly #low: Float64Array;
  readonly #floats: Float32Array;
  readonly #doubles: Float64Array;
  readonly #room: Float32Array;
  #waiting: Waiting[] = [];
  /** Those before it have been added with the next update's. */
  #next = 0;
  /** Where what waits ends. */
  #end = 0;

  /** @param room elements of floats that may wait */
  constructor(kernels: Kernels, length: number, room: number) {
    const { buffer } = kernels.memory;
    this.#kernels = kernels;
    this.#lowAddress = this.#highAddress + 8 * length;
    this.#waitingAddress = this.#lowAddress + 8 * length;
    this.#high = new Float64Array(buffer, this.#highAddress, length);
    this.#low = new Float64Array(buffer, this.#lowAddress, length);
    this.#floats = new Float32Array(buffer, 0, STAGING_BYTES / 4);
    this.#doubles = new Float64Array(buffer, 0, STAGING_BYTES / 8);
    this.#room = new Float32Array(buffer, this.#waitingAddress, room);
  }

  get high(): Float64Array {
    this.#settle();
    return this.#high;
  }

  get low(): Float64Array {
    this.#settle();
    return this.#low;
  }

  add(values: Float32Array | Float64Array, at: number, weight: number): void {
    // The kernels add one vector at least.
    if (values.length === 0) return;
    const { addFloats, addDoubles, addTwoFloats } = this.#kernels;
    if (!(values instanceof Float32Array)) return this.#run(addDoubles, this.#doubles, values, at, weight, 0);
    const other = this.#waiting[this.#next];
    if (other?.at === at && other.length === values.length) {
      this.#run(addTwoFloats, this.#floats, values, at, weight, other.weight);
      this.#next += 1;
      if (this.#next === this.#waiting.length) this.#forgetWaiting();
    } else if (this.#next === 0 && at >= this.#end && at + values.length <= this.#room.length) {
      this.#wait(values, at, weight);
    } else this.#run(addFloats, this.#floats, values, at, weight, 0);
  }

  #wait(values: Float32Array, at: number, weight: number): void {
    this.#room.set(values, at);
    this.#end = at + wholeVectors(values.length);
    this.#room.fill(0, at + values.length, this.#end);
    this.#waiting.push({ at, length: values.length, weight });
  }

  #run<T extends Float32Array | Float64Array>(
    add: AddValues,
    staging: T,
    values: T,
    at: number,
    weight: number,
    otherWeight: number,
  ): void {
    for (let from = 0; from < values.length; from += staging.length) {
      const count = Math.min(staging.length, values.length - from);
      staging.set(count === values.length ? values : values.subarray(from, from + count));
      // The kernel works on whole vectors of 16 bytes: behind the last value it adds zeros to spare elements.
      const end = wholeVectors(count);
      staging.fill(0, count, end);
      this.#call(add, 0, end * staging.BYTES_PER_ELEMENT, at + from, weight, otherWeight);
    }
  }

  #call(add: AddValues, values: number, end: number, element: number, weight: number, otherWeight: number): void {
    const [high, low] = [this.#highAddress + 8 * element, this.#lowAddress + 8 * element];
    add(values, end, high, low, weight, this.#waitingAddress + 4 * element, otherWeight);
  }

  /** Adds what waits and has not been added. */
  #settle(): void {
    if (this.#waiting.length === 0) return;
    for (const { at, length, weight } of this.#waiting.slice(this.#next)) {
      const values = this.#waitingAddress + 4 * at;
      this.#call(this.#kernels.addFloats, values, values + 4 * wholeVectors(length), at, weight, 0);
    }
    this.#forgetWaiting();
  }

  #forgetWaiting(): void {
    this.#waiting = [];
    this.#next = 0;
    this.#end = 0;
  }
}

function wholeVectors(length: number): number {
  return Math.ceil(length / 4) * 4;
}

/**
 * The loop of `plainSums`, four elements a turn.
 * @param valueBytes 4 for floats, 8 for doubles
 * @param two whether it adds another update's floats, too
 */
function kernel(name: string, valueBytes: 4 | 8, two = false): WasmFunction {
  const pair = (index: number): Code =>
    valueBytes === 4 ? f64x2FromFloats(load64(VALUES, 8 * index)) : load128(VALUES, 16 * index);
  const otherPair = (index: number): Code => f64x2FromFloats(load64(OTHERS, 8 * index));
  const add = (index: number): Code =>
    two ? addTwoPairs(pair(index), otherPair(index), 16 * index) : addPair(pair(index), 16 * index);
  const body: Code = [
    f64x2Splat(get(WEIGHT)),
    set(WEIGHTS),
    f64x2Splat(get(OTHER_WEIGHT)),
    set(OTHER_WEIGHTS),
    f64x2Splat(f64Const(HIGH_ROUNDER)),
    set(HIGH_ROUNDERS),
    f64x2Splat(f64Const(LOW_ROUNDER)),
    set(LOW_ROUNDERS),
    repeat(
      [
        add(0),
        add(1),
        increase(VALUES, 4 * valueBytes),
        two ? increase(OTHERS, 16) : [],
        increase(HIGH, 32),
        increase(LOW, 32),
      ],
      lessUnsigned(VALUES, END),
    ),
  ];
  return {
    name,
    parameters: [I32, I32, I32, I32, F64, I32, F64],
    locals: [V128, V128, V128, V128, V128, V128, V128, V128],
    body,
  };
}

function addPair(values: Code, offset: number): Code {
  return [
    splitTerms(values, WEIGHTS, X, H),
    store128(HIGH, f64x2Add(load128(HIGH, offset), get(H)), offset),
    store128(LOW, f64x2Add(load128(LOW, offset), get(X)), offset),
  ];
}

/** As `addPair` one after the other: sums of these parts are exact, so that it does not matter which come first. */
function addTwoPairs(values: Code, others: Code, offset: number): Code {
  return [
    splitTerms(values, WEIGHTS, X, H),
    splitTerms(others, OTHER_WEIGHTS, Y, G),
    store128(HIGH, f64x2Add(load128(HIGH, offset), f64x2Add(get(H), get(G))), offset),
    store128(LOW, f64x2Add(load128(LOW, offset), f64x2Add(get(X), get(Y))), offset),
  ];
}

/** Weight times value, its high part in one local and its low part in another. */
function splitTerms(values: Code, weights: number, low: number, high: number): Code {
  const rounded = (terms: Code, rounders: number) => f64x2Subtract(f64x2Add(terms, get(rounders)), get(rounders));
  return [
    f64x2Multiply(get(weights), values),
    set(low),
    rounded(get(low), HIGH_ROUNDERS),
    set(high),
    rounded(f64x2Subtract(get(low), get(high)), LOW_ROUNDERS),
    set(low),
  ];
}
