import { philox4x32 } from './philox.js';
import { portableLog } from './portable-log.js';

const TWO_32 = 2 ** 32;

/**
 * A stream of random numbers that is a function of (seed, purpose, indices) alone, equal to the bit on every platform.
 * Any stream can be made at any time, in any thread, without drawing from another.
 *
 * The 128-bit identity of a stream is made by chaining Philox-4x32-10 over an encoding of its key (see `identify`). For
 * one seed and purpose, streams with up to two indices have different identities by construction; all others by a mix
 * of 128 bits. The identity gives Philox its key and the upper half of the counter; the lower half counts.
 */
export class RandomStream {
  readonly #identity: Uint32Array;
  readonly #block = new Uint32Array(4);
  /** Words of `block` that were given out. */
  #used = 4;
  #blocks = 0;
  #spareNormal: number | undefined;

  private constructor(identity: Uint32Array) {
    this.#identity = identity;
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
    if (this.#used === 4) this.#refill();
    return this.#block[this.#used++]!;
  }

  /** Uniform in [0, 1): a multiple of 2^-53. */
  next(): number {
    const high = this.uint32() >>> 5;
    const low = this.uint32() >>> 6;
    return (high * 2 ** 26 + low) * 2 ** -53;
  }

  /** Uniform among 0 .. bound-1, without bias. @param bound from 1 to 2^32 */
  integer(bound: number): number {
    if (!Number.isInteger(bound) || bound < 1 || bound > TWO_32) {
      throw new RangeError(`RandomStream.integer takes a bound from 1 to 2^32, not ${bound}`);
    }
    const limit = TWO_32 - (TWO_32 % bound);
    let value = this.uint32();
    while (value >= limit) value = this.uint32();
    return value % bound;
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
    for (let last = array.length - 1; last > 0; last--) {
      const other = this.integer(last + 1);
      const kept = array[last]!;
      array[last] = array[other]!;
      array[other] = kept;
    }
  }

  #refill(): void {
    const block = this.#block;
    const identity = this.#identity;
    block[0] = this.#blocks;
    block[1] = Math.floor(this.#blocks / TWO_32);
    block[2] = identity[2]!;
    block[3] = identity[3]!;
    philox4x32(block, identity[0]!, identity[1]!);
    this.#blocks++;
    this.#used = 0;
  }
}

/**
 * Chains 16-byte blocks: state <- philox(state xor block), key 0. The first block holds the seed and the lengths, so that
 * no key's encoding is the beginning of another's; then come the purpose's UTF-8 bytes and the indices, two to a block.
 */
function identify(seed: number, purpose: string, indices: readonly number[]): Uint32Array {
  for (const value of [seed, ...indices]) {
    if (!Number.isSafeInteger(value)) throw new RangeError(`seeds and indices are safe integers, not ${value}`);
  }
  const text = new TextEncoder().encode(purpose);
  const state = new Uint32Array(4);
  const absorb = (...block: readonly number[]) => {
    for (const [i, word] of block.entries()) state[i]! ^= word;
    philox4x32(state, 0, 0);
  };
  absorb(seed, upperWord(seed), text.length, indices.length);
  for (let at = 0; at < text.length; at += 16)
    absorb(...[0, 4, 8, 12].map((offset) => littleEndian(text, at + offset)));
  for (let at = 0; at < indices.length; at += 2) {
    const first = indices[at]!;
    const second = indices[at + 1] ?? 0;
    absorb(first, upperWord(first), second, upperWord(second));
  }
  return state;
}

function upperWord(value: number): number {
  return Math.floor(value / TWO_32);
}

/** Four bytes as a word; bytes beyond the end are 0. */
function littleEndian(bytes: Uint8Array, at: number): number {
  const byte = (i: number) => bytes[at + i] ?? 0;
  return byte(0) | (byte(1) << 8) | (byte(2) << 16) | (byte(3) << 24);
}
