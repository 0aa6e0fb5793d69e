import { above, LEVEL_MIN, PART_QUANTA, quantum, rounder } from './quanta.js';
import { plainKernel, type SumKernel, type SumLengths, type SumSlot } from './sum-kernel.js';
import { wasmKernel } from './wasm-sum-kernel.js';

/** The load of sums is what their parts may have come to, in terms: 2^45 quanta each. This many are 1.75 * 2^52 quanta. */
export const LOAD_MAX = 224;
/** Only sums that have come further than this are worth carrying: there is room for 32 terms before the next look. */
const LOAD_ROOMY = 192;
/** Sums up to here are left alone when the others are carried. */
const LOAD_LEFT = 32;

/** One part of a slot's sums: its values are `sums[i]` and `carries[i]` quanta of the level above. */
export interface SumPart {
  readonly sums: Float64Array;
  /** Undefined while nothing was carried. */
  readonly carries: Int32Array | undefined;
}

/** All that sums hold, to be added to others of the same slots. */
export interface SumsImage {
  /** No sum of a part exceeds `load` times 2^45 of its quanta; from 0 to `LOAD_MAX`. */
  readonly load: number;
  /** Whether all parts have carries, or none. */
  readonly isCarried: boolean;
  readonly slots: readonly { readonly level: number /** High first. */; readonly parts: readonly SumPart[] }[];
}

/**
 * Weighted sums of the elements of many tensors that depend neither on the order of the terms nor on how they were
 * grouped: indexed summation after Demmel and Nguyen 2013 ("Fast reproducible floating-point summation") and Ahrens,
 * Demmel and Nguyen 2020 ("Algorithms for efficient reproducible floating point summation"), with one level for a tensor
 * in place of one for each element.
 *
 * - A slot's level L is the lowest whose next quantum is at least twice the largest magnitude of a term, so that a term x
 *   has the parts h = round(x, quantum L), l = round(x - h, quantum L-1) and, with three parts, round(x - h - l, quantum
 *   L-2), half to even. What is below is dropped, the same for this term whenever it comes.
 * - When a later term raises the level, all terms so far are at most half of the new quantum, so that their new h is 0 (a
 *   tie rounds to the even 0), their new l is the old h, their new third the old l: whole arrays move down, and the
 *   lowest is dropped. So the parts are sums of functions of single terms and of L, and L is a function of their set.
 * - A part of a term is at most 2^45 quanta. Sums of whole quanta are exact up to 2^53 of them: before that,
 *   whole quanta of the next level go to counters (`carries`), which belong to the part as it may be dropped.
 */
export class IndexedSums {
  readonly #kernel: SumKernel;
  readonly #slots: readonly SumSlot[];
  /** Of each part, in quanta of the level above it. */
  #carries: readonly Int32Array[] | undefined;
  /** Once made, kept for other rounds. */
  #carryArrays: readonly Int32Array[] | undefined;
  /** As in `SumsImage`. */
  #load = 0;
  #isEmpty = true;

  /**
   * @param slots those with three parts first, at places as `layOutSlots` gives them
   * @param kernelName `plain` for the reference in TypeScript; `auto`: WebAssembly where there is one, equal to the bit
   */
  constructor(slots: readonly SumSlot[], lengths: SumLengths, kernelName: 'auto' | 'plain') {
    this.#slots = slots;
    this.#kernel = (kernelName === 'auto' ? wasmKernel(lengths) : undefined) ?? plainKernel(lengths);
  }

  /** To be called before each element gets a term, of those that do, once the levels are raised. */
  expectTerm(): void {
    if (this.#load === LOAD_MAX) this.#makeRoom();
    this.#load += 1;
    this.#isEmpty = false;
  }

  /** Adds weight * values[i] to all elements of a slot whose level holds these terms. */
  add(values: Float32Array | Float64Array, slot: SumSlot, weight: number): void {
    this.#kernel.add(values, slot, weight);
  }

  /** Brings a slot to a level at least as high as its own. What waits in the kernel is split at the new one: all the same. */
  raise(slot: SumSlot, level: number): void {
    const by = level - slot.level;
    slot.level = level;
    if (by === 0 || this.#isEmpty) return;
    const parts = this.#partsOf(slot);
    for (const [index, { sums, carries }] of [...parts.entries()].reverse()) {
      const above = parts[index - by];
      if (above === undefined) {
        sums.fill(0);
        carries?.fill(0);
      } else {
        sums.set(above.sums);
        if (above.carries !== undefined) carries?.set(above.carries);
      }
    }
  }

  /** All sums, in memory of their own. */
  image(): SumsImage {
    this.#kernel.settle();
    const slots = this.#slots.map((slot) => {
      const parts = this.#partsOf(slot).map(({ sums, carries }) => ({ sums: sums.slice(), carries: carries?.slice() }));
      return { level: slot.level, parts };
    });
    return { load: this.#load, isCarried: this.#carries !== undefined, slots };
  }

  /** Adds sums of the same slots, which hold what `checkImage` of a partial sum has checked. */
  merge({ load, isCarried, slots }: SumsImage): void {
    for (const [index, slot] of this.#slots.entries()) this.raise(slot, Math.max(slot.level, levelAt(slots, index)));
    this.#kernel.settle();
    if (this.#load + load > LOAD_MAX) this.#makeRoom();
    // Together at most 32 + 224, which is 2^53 quanta.
    if (this.#load + load > LOAD_MAX) this.#carry();
    this.#load += load;
    this.#isEmpty = false;
    if (isCarried) this.#startCarries();
    for (const [index, slot] of this.#slots.entries()) {
      const own = this.#partsOf(slot);
      const down = slot.level - levelAt(slots, index);
      for (const [part, { sums, carries }] of (slots[index]?.parts ?? []).entries()) {
        const target = own[part + down];
        if (target === undefined) continue;
        addTo(target.sums, sums);
        if (target.carries !== undefined && carries !== undefined) addTo(target.carries, carries);
      }
    }
    if (this.#load > LOAD_MAX) this.#makeRoom();
  }

  /** The memory of a slot's high parts. Who writes there leaves no sums. */
  highPart({ at, length }: SumSlot): Float64Array {
    return this.#kernel.parts[0].subarray(at, at + length);
  }

  /** Writes a slot's sums, each divided by `denominator`, to `quotients`; these may lie in place of the slot's own high parts. */
  divide(slot: SumSlot, denominator: number, quotients: Float64Array): void {
    this.#kernel.settle();
    // Most tensors.
    if (slot.parts === 2 && this.#carries === undefined) return this.#kernel.divide(slot, denominator, quotients);
    const [high, low, third] = this.#partsOf(slot);
    if (high === undefined || low === undefined) throw new RangeError('a slot has two parts at least');
    writeQuotients(slot.level, high, low, third, denominator, quotients);
  }

  /** Forgets all terms; memory is kept. */
  clear(): void {
    if (this.#isEmpty) return;
    this.#kernel.clear();
    for (const slot of this.#slots) slot.level = LEVEL_MIN;
    for (const carries of this.#carries ?? []) carries.fill(0);
    this.#carries = undefined;
    this.#load = 0;
    this.#isEmpty = true;
  }

  #partsOf({ at, length, parts }: SumSlot): SumPart[] {
    return this.#kernel.parts.slice(0, parts).map((sums, index) => ({
      sums: sums.subarray(at, at + length),
      carries: this.#carries?.[index]?.subarray(at, at + length),
    }));
  }

  /**
   * Brings the load down. What is counted is the worst case: terms of either sign leave sums far below it, and then there is
   * nothing to carry.
   */
  #makeRoom(): void {
    this.#kernel.settle();
    this.#load = this.#loadFound();
    if (this.#load > LOAD_ROOMY) this.#carry();
  }

  /** The load that the sums have come to. */
  #loadFound(): number {
    let load = 0;
    for (const slot of this.#slots) {
      for (let part = 0; part < slot.parts; part++) {
        const ofOne = partMax(1, slot.level - part);
        load = Math.max(load, Math.ceil(this.#kernel.largest(slot, part) / ofOne));
      }
    }
    return load;
  }

  #startCarries(): void {
    this.#carryArrays ??= this.#kernel.parts.map(({ length }) => new Int32Array(length));
    this.#carries = this.#carryArrays;
  }

  #carry(): void {
    this.#startCarries();
    for (const slot of this.#slots) {
      for (const [index, { sums, carries }] of this.#partsOf(slot).entries()) {
        if (carries !== undefined) carryInto(carries, sums, slot.level - index);
      }
    }
    this.#load = Math.min(this.#load, LOAD_LEFT);
  }
}

function levelAt(slots: SumsImage['slots'], index: number): number {
  const slot = slots[index];
  if (slot === undefined) throw new RangeError(`sums of ${slots.length} slots where there are more`);
  return slot.level;
}

/** Gives slots for tensors their places, those with three parts first, and what all of them take. */
export function layOutSlots(tensors: readonly { readonly length: number; readonly parts: 2 | 3 }[]): {
  /** In the order of the tensors. */
  readonly slots: SumSlot[];
  readonly lengths: SumLengths;
} {
  const lengths = { two: 0, three: 0 };
  const padded = (length: number) => Math.ceil(length / 4) * 4;
  for (const { length, parts } of tensors) lengths[parts === 2 ? 'two' : 'three'] += padded(length);
  const next = { 2: lengths.three, 3: 0 };
  const slots = tensors.map(({ length, parts }) => {
    const at = next[parts];
    next[parts] += padded(length);
    return { at, length, parts, level: LEVEL_MIN };
  });
  return { slots, lengths };
}

/** The magnitude that a part of sums with this load may reach, at the part's level. */
export function partMax(load: number, level: number): number {
  return load * PART_QUANTA * quantum(level);
}

/** Moves whole quanta of the next level to the carries, from sums at this `level` that have come far: few have. */
function carryInto(carries: Int32Array, sums: Float64Array, level: number): void {
  const [unit, round] = [quantum(level + 1), rounder(level + 1)];
  const bound = partMax(LOAD_LEFT, level);
  for (let i = 0; i < sums.length; i++) {
    const sum = sums[i]!;
    if (Math.abs(sum) <= bound) continue;
    const carry = sum + round - round;
    sums[i] = sum - carry;
    carries[i]! += carry / unit;
  }
}

function addTo<T extends Float64Array | Int32Array>(sums: T, more: T): void {
  for (let i = 0; i < more.length; i++) sums[i]! += more[i]!;
}

/**
 * The exact sum has one form with a digit from -2^45 to 2^45 - 1 for each part and a rest above them, however it lies in
 * sums and carries. Adding these from small to large is within 2^-51 of the exact sum, relative to it: what is above
 * outweighs what is below. It is exact where the sum of all digits needs no more than 53 bits. Zero is +0.
 */
function writeQuotients(
  level: number,
  high: SumPart,
  low: SumPart,
  third: SumPart | undefined,
  denominator: number,
  quotients: Float64Array,
): void {
  const [unit, round] = [quantum(level), rounder(level)];
  const [unitAbove, roundAbove] = [quantum(level + 1), rounder(level + 1)];
  const [unitBelow, roundBelow] = [quantum(level - 1), rounder(level - 1)];
  for (let i = 0; i < quotients.length; i++) {
    let sum = 0;
    let carry = 0;
    if (third !== undefined) {
      const part = third.sums[i]!;
      carry = above(part, unitBelow, roundBelow);
      sum = part - carry;
      if (third.carries !== undefined) carry += third.carries[i]! * unitBelow;
    }
    const lowPart = low.sums[i]! + carry;
    carry = above(lowPart, unit, round);
    sum += lowPart - carry;
    if (low.carries !== undefined) carry += low.carries[i]! * unit;
    const highPart = high.sums[i]! + carry;
    carry = above(highPart, unitAbove, roundAbove);
    sum += highPart - carry;
    if (high.carries !== undefined) carry += high.carries[i]! * unitAbove;
    quotients[i] = (sum + carry) / denominator;
  }
}
