import {
  and128,
  assembleModule,
  type Code,
  f64x2Absolute,
  f64x2Add,
  f64x2Divide,
  f64x2Equal,
  f64x2FromFloats,
  f64x2Max,
  f64x2Multiply,
  f64x2Subtract,
  get,
  I32,
  increase,
  lessUnsigned,
  load64,
  load64Splat,
  load128,
  repeat,
  set,
  store128,
  V128,
  type WasmFunction,
} from '../core/wasm-assembler.js';
import { instantiate, type WasmMemory } from '../core/wasm-instance.js';
import { quantum, rounder } from './quanta.js';
import type { SumKernel, SumLengths, SumSlot } from './sum-kernel.js';

const PAGE_BYTES = 65536;
const PAGES_MAX = 65536;
/** Values are copied in by pieces of this size, which stay in the cache between copy and addition. */
const STAGING_BYTES = 32768;

/**
 * Parameters of the kernels: addresses of the values, of their end, of the high, low and third sums, of another update's
 * values for two at once, and of the factors.
 */
const [VALUES, END, HIGH, LOW, THIRD, OTHERS, FACTORS] = [0, 1, 2, 3, 4, 5, 6];
/** Locals: the factors in both lanes, weights and what rounds to each part; and the terms in work. */
const [WEIGHTS, OTHER_WEIGHTS, HIGH_ROUNDERS, LOW_ROUNDERS, THIRD_ROUNDERS] = [7, 8, 9, 10, 11];
const [X, H, Y, G] = [12, 13, 14, 15];
/** The factors lie here, as doubles in the order of the locals: as parameters each would be boxed at every call. */
const FACTORS_ADDRESS = 0;
/** Where the kernel leaves a largest magnitude. */
const LARGEST_ADDRESS = 64;
const STAGING_ADDRESS = 128;
const SUMS_ADDRESS = STAGING_ADDRESS + STAGING_BYTES;

type AddValues = (
  values: number,
  end: number,
  high: number,
  low: number,
  third: number,
  others: number,
  factors: number,
) => void;

interface Kernels {
  readonly memory: WasmMemory;
  readonly addFloats: AddValues;
  readonly addTwoFloats: AddValues;
  readonly addDoubles: AddValues;
  /** Leaves the largest magnitude of the doubles between two addresses at a third, in two lanes. */
  largest(from: number, end: number, into: number): void;
  /** Writes quotients up to an address. */
  divide(into: number, end: number, high: number, low: number, factors: number): void;
}

/**
 * The sums of `plainKernel`, bit for bit, computed by a WebAssembly kernel on two elements at once. The time goes to reading
 * and writing the sums, four times the size of an update: so the floats of one update wait for the next, to be added with
 * it in one pass, where there is memory for them.
 *
 * Undefined where WebAssembly or its vectors are missing, or for more sums than its memory holds (2^28 of two parts).
 */
export function wasmKernel({ three, two }: SumLengths): SumKernel | undefined {
  const pagesFor = (waiting: number) => Math.ceil((SUMS_ADDRESS + 24 * three + 16 * two + 4 * waiting) / PAGE_BYTES);
  const waiting = pagesFor(two) <= PAGES_MAX ? two : 0;
  const pages = pagesFor(waiting);
  if (pages > PAGES_MAX) return undefined;
  const functions = [
    kernel('addFloats', addPair),
    kernel('addTwoFloats', addTwoPairs),
    kernel('addDoubles', addDoubles),
    largestKernel(),
    divideKernel(),
  ];
  const kernels = instantiate<Kernels>(assembleModule(pages, functions));
  return kernels && new WasmKernel(kernels, { three, two }, waiting);
}

/** Floats of an update that wait, each in the place of its sum. */
interface Waiting {
  readonly slot: SumSlot;
  readonly weight: number;
}

class WasmKernel implements SumKernel {
  readonly parts: readonly [Float64Array, Float64Array, Float64Array];
  readonly #kernels: Kernels;
  /** Of the first element that may wait. */
  readonly #firstWaiting: number;
  readonly #waitingAddress: number;
  /** Of the parts. */
  readonly #addresses: readonly [number, number, number];
  readonly #factors: Float64Array;
  readonly #largest: Float64Array;
  readonly #floats: Float32Array;
  readonly #doubles: Float64Array;
  readonly #room: Float32Array;
  #waiting: Waiting[] = [];
  /** Those before it have been added with the next update's. */
  #next = 0;
  /** Where what waits ends. */
  #end = 0;

  /** @param room elements of floats that may wait: those of all slots with two parts, or none */
  constructor(kernels: Kernels, { three, two }: SumLengths, room: number) {
    const { buffer } = kernels.memory;
    const length = three + two;
    const [high, low, third] = [SUMS_ADDRESS, SUMS_ADDRESS + 8 * length, SUMS_ADDRESS + 16 * length];
    this.#addresses = [high, low, third];
    this.#kernels = kernels;
    this.#firstWaiting = three;
    this.#waitingAddress = third + 8 * three;
    this.parts = [
      new Float64Array(buffer, high, length),
      new Float64Array(buffer, low, length),
      new Float64Array(buffer, third, three),
    ];
    this.#floats = new Float32Array(buffer, STAGING_ADDRESS, STAGING_BYTES / 4);
    this.#doubles = new Float64Array(buffer, STAGING_ADDRESS, STAGING_BYTES / 8);
    this.#factors = new Float64Array(buffer, FACTORS_ADDRESS, 7);
    this.#largest = new Float64Array(buffer, LARGEST_ADDRESS, 2);
    this.#room = new Float32Array(buffer, this.#waitingAddress, room);
  }

  add(values: Float32Array | Float64Array, slot: SumSlot, weight: number): void {
    // The kernels add one vector at least.
    if (values.length === 0) return;
    const { addFloats, addDoubles, addTwoFloats } = this.#kernels;
    if (slot.parts === 3) return this.#run(addDoubles, this.#doubles, values, slot, weight, 0);
    if (!(values instanceof Float32Array)) throw new TypeError('sums of two parts are of float32');
    const other = this.#waiting[this.#next];
    const at = slot.at - this.#firstWaiting;
    if (other?.slot === slot) {
      this.#run(addTwoFloats, this.#floats, values, slot, weight, other.weight);
      this.#next += 1;
      if (this.#next === this.#waiting.length) this.#forgetWaiting();
    } else if (this.#next === 0 && at >= this.#end && at + values.length <= this.#room.length) {
      this.#wait(values, slot, weight);
    } else this.#run(addFloats, this.#floats, values, slot, weight, 0);
  }

  settle(): void {
    if (this.#waiting.length === 0) return;
    for (const { slot, weight } of this.#waiting.slice(this.#next)) {
      const values = this.#waitingAddress + 4 * (slot.at - this.#firstWaiting);
      this.#caller(this.#kernels.addFloats, slot, weight, 0)(values, values + 4 * wholeVectors(slot.length), 0);
    }
    this.#forgetWaiting();
  }

  largest({ at, length }: SumSlot, part: number): number {
    const sums = this.parts[part];
    if (sums === undefined || length === 0) return 0;
    const from = sums.byteOffset + 8 * at;
    // Spare elements behind the slot's last hold zeros.
    this.#kernels.largest(from, from + 8 * wholeVectors(length), LARGEST_ADDRESS);
    return Math.max(...this.#largest);
  }

  divide({ at, level }: SumSlot, denominator: number, quotients: Float64Array): void {
    const [high, low] = this.parts;
    const [unit, unitAbove] = [quantum(level), quantum(level + 1)];
    this.#factors.set([unit, unit / 2, rounder(level), unitAbove, unitAbove / 2, rounder(level + 1), denominator]);
    for (let from = 0; from < quotients.length; from += this.#doubles.length) {
      const count = Math.min(this.#doubles.length, quotients.length - from);
      const bytes = 8 * (at + from);
      const end = STAGING_ADDRESS + 8 * wholeVectors(count);
      this.#kernels.divide(STAGING_ADDRESS, end, high.byteOffset + bytes, low.byteOffset + bytes, FACTORS_ADDRESS);
      quotients.set(this.#doubles.subarray(0, count), from);
    }
  }

  clear(): void {
    this.#forgetWaiting();
    for (const part of this.parts) part.fill(0);
  }

  #wait(values: Float32Array, slot: SumSlot, weight: number): void {
    const at = slot.at - this.#firstWaiting;
    this.#room.set(values, at);
    this.#end = at + wholeVectors(values.length);
    this.#room.fill(0, at + values.length, this.#end);
    this.#waiting.push({ slot, weight });
  }

  #run(
    add: AddValues,
    staging: Float32Array | Float64Array,
    values: Float32Array | Float64Array,
    slot: SumSlot,
    weight: number,
    otherWeight: number,
  ): void {
    const call = this.#caller(add, slot, weight, otherWeight);
    for (let from = 0; from < values.length; from += staging.length) {
      const count = Math.min(staging.length, values.length - from);
      staging.set(count === values.length ? values : values.subarray(from, from + count));
      // The kernel works on whole vectors of 16 bytes: behind the last value it adds zeros to spare elements.
      const end = wholeVectors(count);
      staging.fill(0, count, end);
      call(STAGING_ADDRESS, STAGING_ADDRESS + end * staging.BYTES_PER_ELEMENT, from);
    }
  }

  /** Calls a kernel for values at an address, up to another, that begin with some element of the slot. */
  #caller(add: AddValues, slot: SumSlot, weight: number, otherWeight: number) {
    const [high, low, third] = [
      this.#addresses[0] + 8 * slot.at,
      this.#addresses[1] + 8 * slot.at,
      this.#addresses[2] + 8 * slot.at,
    ];
    const others = this.#waitingAddress + 4 * (slot.at - this.#firstWaiting);
    const { level } = slot;
    const factors = this.#factors;
    factors[0] = weight;
    factors[1] = otherWeight;
    factors[2] = rounder(level);
    factors[3] = rounder(level - 1);
    factors[4] = rounder(level - 2);
    return (values: number, end: number, from: number) => {
      const bytes = 8 * from;
      add(values, end, high + bytes, low + bytes, third + bytes, others + 4 * from, FACTORS_ADDRESS);
    };
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

/** What adds two elements, the first or the second pair of a turn. */
type AddPair = (index: number) => Code;

/** The loop of `plainKernel`, four elements a turn. */
function kernel(name: string, add: AddPair): WasmFunction {
  const factors = [WEIGHTS, OTHER_WEIGHTS, HIGH_ROUNDERS, LOW_ROUNDERS, THIRD_ROUNDERS];
  const steps = [increase(HIGH, 32), increase(LOW, 32)];
  if (add === addDoubles) steps.push(increase(VALUES, 32), increase(THIRD, 32));
  else steps.push(increase(VALUES, 16));
  if (add === addTwoPairs) steps.push(increase(OTHERS, 16));
  return {
    name,
    parameters: [I32, I32, I32, I32, I32, I32, I32],
    locals: [V128, V128, V128, V128, V128, V128, V128, V128, V128],
    body: [
      factors.map((local, index) => [load64Splat(FACTORS, 8 * index), set(local)]),
      repeat([add(0), add(1), steps], lessUnsigned(VALUES, END)),
    ],
  };
}

/** Four doubles a turn, each pair with a maximum of its own. */
function largestKernel(): WasmFunction {
  const [from, end, into, first, second] = [0, 1, 2, 3, 4];
  const take = (largest: number, offset: number) => [
    f64x2Max(get(largest), f64x2Absolute(load128(from, offset))),
    set(largest),
  ];
  return {
    name: 'largest',
    parameters: [I32, I32, I32],
    locals: [V128, V128],
    body: [
      repeat([take(first, 0), take(second, 16), increase(from, 32)], lessUnsigned(from, end)),
      store128(into, f64x2Max(get(first), get(second))),
    ],
  };
}

/** The loop of the plain kernel's `divide`, two elements a turn. */
function divideKernel(): WasmFunction {
  const [into, end, high, low, factors] = [0, 1, 2, 3, 4];
  const [unit, half, round, unitAbove, halfAbove, roundAbove, denominator] = [5, 6, 7, 8, 9, 10, 11];
  const [lowPart, carry, highPart, rest] = [12, 13, 14, 15];
  const splitAbove = (part: number, above: number, [unit, half, round]: readonly [number, number, number]) => [
    rounded(get(part), round),
    set(above),
    f64x2Add(get(above), and128(f64x2Equal(f64x2Subtract(get(part), get(above)), get(half)), get(unit))),
    set(above),
  ];
  const ofBoth = f64x2Add(f64x2Subtract(get(lowPart), get(carry)), f64x2Subtract(get(highPart), get(rest)));
  return {
    name: 'divide',
    parameters: [I32, I32, I32, I32, I32],
    locals: new Array(11).fill(V128),
    body: [
      [unit, half, round, unitAbove, halfAbove, roundAbove, denominator].map((local, index) => [
        load64Splat(factors, 8 * index),
        set(local),
      ]),
      repeat(
        [
          load128(low),
          set(lowPart),
          splitAbove(lowPart, carry, [unit, half, round]),
          f64x2Add(load128(high), get(carry)),
          set(highPart),
          splitAbove(highPart, rest, [unitAbove, halfAbove, roundAbove]),
          store128(into, f64x2Divide(f64x2Add(ofBoth, get(rest)), get(denominator))),
          [into, high, low].map((address) => increase(address, 16)),
        ],
        lessUnsigned(into, end),
      ),
    ],
  };
}

const addPair: AddPair = (index) => [
  splitTerms(floatPair(VALUES, index), WEIGHTS, X, H),
  increaseSum(HIGH, index, get(H)),
  increaseSum(LOW, index, get(X)),
];

/** As `addPair` one after the other: sums of these parts are exact, so that it does not matter which come first. */
const addTwoPairs: AddPair = (index) => [
  splitTerms(floatPair(VALUES, index), WEIGHTS, X, H),
  splitTerms(floatPair(OTHERS, index), OTHER_WEIGHTS, Y, G),
  increaseSum(HIGH, index, f64x2Add(get(H), get(G))),
  increaseSum(LOW, index, f64x2Add(get(X), get(Y))),
];

/** With the third part. */
const addDoubles: AddPair = (index) => [
  f64x2Multiply(get(WEIGHTS), load128(VALUES, 16 * index)),
  set(X),
  rounded(get(X), HIGH_ROUNDERS),
  set(H),
  increaseSum(HIGH, index, get(H)),
  f64x2Subtract(get(X), get(H)),
  set(X),
  rounded(get(X), LOW_ROUNDERS),
  set(H),
  increaseSum(LOW, index, get(H)),
  increaseSum(THIRD, index, rounded(f64x2Subtract(get(X), get(H)), THIRD_ROUNDERS)),
];

/** Weight times value, its high part in one local and its low part in another. */
function splitTerms(values: Code, weights: number, low: number, high: number): Code {
  return [
    f64x2Multiply(get(weights), values),
    set(low),
    rounded(get(low), HIGH_ROUNDERS),
    set(high),
    rounded(f64x2Subtract(get(low), get(high)), LOW_ROUNDERS),
    set(low),
  ];
}

function rounded(terms: Code, rounders: number): Code {
  return f64x2Subtract(f64x2Add(terms, get(rounders)), get(rounders));
}

function floatPair(address: number, index: number): Code {
  return f64x2FromFloats(load64(address, 8 * index));
}

function increaseSum(address: number, index: number, by: Code): Code {
  return store128(address, f64x2Add(load128(address, 16 * index), by), 16 * index);
}
