import { philox4x32, philoxBlocks } from './philox.js';
import { portableLog } from './portable-log.js';

const TWO_32 = 2 ** 32;
const encoder = new TextEncoder();
/** Words drawn ahead at most. */
const AHEAD_MAX = 256;
/** Words drawn at once to shuffle. */
const SHUFFLED_MAX = 16384;

/**
 * A stream of random numbers that is a function of (seed, purpose, indices) alone, equal to the bit on every platform.
 * Any stream can be made at any time, in any thread, without drawing from another.
 *
 * The 128-bit identity of a stream is made by chaining Philox-4x32-10 over an encoding of its key (see `identify`). For
 * one seed and purpose, streams with up to two indices have different identities by construction; all others by a mix
 * of 128 bits. The identity gives Philox its key and the upper half of the counter; the lower half counts.
 */
export class RandomStream {
  readonly #key: readonly [number, number];
  readonly #upper: readonly [number, number];
  /** Words drawn ahead: four at first, more for those who draw many. */
  #ahead = new Uint32Array(0);
  /** How many of these were given out. */
  #used = 0;
  /** Philox blocks made so far. */
  #blocks = 0;
  #spareNormal: number | undefined;

  private constructor(identity: Uint32Array) {
    this.#key = [identity[0]!, identity[1]!];
    this.#upper = [identity[2]!, identity[3]!];
  }

  /**
   * @param seed the run's seed, a safe integer
   * @param purpose what the numbers are for, for instance 'order'
   * @param indices which of these, for instance the round and the client: safe integers
   */
  static of(seed: number, purpose: string, ...indices: number[]): RandomStream {
    return new RandomStream(identify(seed, purpose, indices));
  }

  /** 32 random bits as an unsigned integer. */
  uint32(): number {
    if (this.#used === this.#ahead.length) this.#refill();
    return this.#ahead[this.#used++]!;
  }

  /** Uniform in [0, 1): a multiple of 2^-53. */
  next(): number {
    const one = this.uint32();
    return uniform(one, this.uint32());
  }

  /** Writes the next numbers into all of `values`: as many calls of `next` would. */
  fill(values: Float64Array): void {
    const words = new Uint32Array(2 * values.length);
    this.#take(words);
    toUniform(words, values);
  }

  /** Uniform among 0 .. bound-1, without bias. @param bound from 1 to 2^32 */
  integer(bound: number): number {
    if (!Number.isInteger(bound) || bound < 1 || bound > TWO_32) {
      throw new RangeError(`RandomStream.integer takes a bound from 1 to 2^32, not ${bound}`);
    }
    let value = this.uint32();
    while (value >= TWO_32 - bound && isBiased(value, bound)) value = this.uint32();
    // The remainder without the slow one of doubles; exact, since both are below 2^53 and no quotient rounds up.
    return value - Math.floor(value / bound) * bound;
  }

  /** Normal with mean 0 and variance 1, by Marsaglia's polar method (Marsaglia and Bray 1964). */
  normal(): number {
    if (this.#spareNormal !== undefined) {
      const spare = this.#spareNormal;
      this.#spareNormal = undefined;
      return spare;
    }
    for (;;) {
      const u = 2 * this.next() - 1;
      const v = 2 * this.next() - 1;
      const square = u * u + v * v;
      if (square >= 1 || square === 0) continue;
      const factor = Math.sqrt((-2 * portableLog(square)) / square);
      this.#spareNormal = v * factor;
      return u * factor;
    }
  }

  /** Permutes the elements in place, each order equally likely (Fisher and Yates, from the last place to the first). */
  shuffle(array: Int32Array): void {
    const words = new Uint32Array(Math.min(SHUFFLED_MAX, Math.max(0, array.length - 1)));
    for (let last = array.length - 1; last > 0; ) {
      const drawn = words.subarray(0, Math.min(words.length, last));
      this.#take(drawn);
      last = permute(array, last, drawn);
    }
  }

  /** Writes the next words: first those drawn ahead, then whole blocks, then the beginning of one more. */
  #take(words: Uint32Array): void {
    const ready = Math.min(words.length, this.#ahead.length - this.#used);
    words.set(this.#ahead.subarray(this.#used, this.#used + ready));
    this.#used += ready;
    const blocks = Math.floor((words.length - ready) / 4);
    this.#write(words, ready, blocks);
    for (let at = ready + 4 * blocks; at < words.length; at++) words[at] = this.uint32();
  }

  #refill(): void {
    if (this.#ahead.length < AHEAD_MAX) this.#ahead = new Uint32Array(2 * this.#ahead.length || 4);
    const blocks = this.#ahead.length / 4;
    this.#write(this.#ahead, 0, blocks);
    this.#used = 0;
  }

  #write(words: Uint32Array, at: number, blocks: number): void {
    const first = this.#blocks;
    this.#blocks += blocks;
    philoxBlocks(words, at, blocks, [first >>> 0, Math.floor(first / TWO_32), ...this.#upper], this.#key);
  }
}

/**
 * Swaps the element at `last`, and those before it, with one at or before its place, as the words say: as `integer` does,
 * one after the other. @returns the next place
 */
function permute(array: Int32Array, last: number, words: Uint32Array): number {
  let place = last;
  for (let at = 0; at < words.length; at++) {
    const value = words[at]!;
    const bound = place + 1;
    if (value >= TWO_32 - bound && isBiased(value, bound)) continue;
    const other = value - Math.floor(value / bound) * bound;
    const kept = array[place]!;
    array[place] = array[other]!;
    array[other] = kept;
    place--;
  }
  return place;
}

/**
 * Whether a value is among the last ones, which a remainder would favour: they are drawn again. Nearly all lie so far below
 * them that one need not ask.
 */
function isBiased(value: number, bound: number): boolean {
  return value >= TWO_32 - (TWO_32 % bound);
}

/** A loop of its own compiles in a tenth of the time that it takes within `fill`. */
function toUniform(words: Uint32Array, values: Float64Array): void {
  for (let i = 0; i < values.length; i++) values[i] = uniform(words[2 * i]!, words[2 * i + 1]!);
}

/** 53 of the bits of two words as a number in [0, 1). */
function uniform(one: number, other: number): number {
  return ((one >>> 5) * 2 ** 26 + (other >>> 6)) * 2 ** -53;
}

/**
 * Chains 16-byte blocks: state <- philox(state xor block), key 0. The first block holds the seed and the lengths, so that
 * no key's encoding is the beginning of another's; then come the purpose's UTF-8 bytes and the indices, two to a block.
 */
function identify(seed: number, purpose: string, indices: readonly number[]): Uint32Array {
  for (const value of [seed, ...indices]) {
    if (!Number.isSafeInteger(value)) throw new RangeError(`seeds and indices are safe integers, not ${value}`);
  }
  if (typeof purpose !== 'string') throw new RangeError(`the purpose of a random stream is a text, not ${purpose}`);
  const text = encoder.encode(purpose);
  const state = new Uint32Array(4);
  absorb(state, seed, upperWord(seed), text.length, indices.length);
  for (let at = 0; at < text.length; at += 16) {
    const word = (offset: number) => littleEndian(text, at + offset);
    absorb(state, word(0), word(4), word(8), word(12));
  }
  for (let at = 0; at < indices.length; at += 2) {
    const first = indices[at]!;
    const second = indices[at + 1] ?? 0;
    absorb(state, first, upperWord(first), second, upperWord(second));
  }
  return state;
}

/** Words one by one, not a list of them: compiled in a fraction of the time, which short runs notice. */
function absorb(state: Uint32Array, first: number, second: number, third: number, fourth: number): void {
  state[0]! ^= first;
  state[1]! ^= second;
  state[2]! ^= third;
  state[3]! ^= fourth;
  philox4x32(state, 0, 0);
}

function upperWord(value: number): number {
  return Math.floor(value / TWO_32);
}

/** Four bytes as a word; bytes beyond the end are 0. */
function littleEndian(bytes: Uint8Array, at: number): number {
  const byte = (i: number) => bytes[at + i] ?? 0;
  return byte(0) | (byte(1) << 8) | (byte(2) << 16) | (byte(3) << 24);
}
