/** Words of state, and how far back the recurrence reaches. */
const N = 624;
const M = 397;

/**
 * The Mersenne Twister MT19937 (Matsumoto and Nishimura 1998) with the seeding and the `permutation` of numpy's legacy
 * `RandomState`, number for number. Only for sampling clients as FedML does; everything else draws from `RandomStream`.
 */
export class MersenneTwister {
  readonly #state = new Uint32Array(N);
  #next = N;

  /** @param seed an integer from 0 to 2^32 - 1, as numpy asks for. @throws RangeError otherwise. */
  constructor(seed: number) {
    if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) {
      throw new RangeError(`MT19937 takes seeds from 0 to 2^32 - 1, not ${seed}`);
    }
    const state = this.#state;
    state[0] = seed;
    // init_genrand (Knuth TAOCP vol. 2, 3rd ed., p. 106).
    for (let i = 1; i < N; i++) {
      const previous = state[i - 1]!;
      state[i] = Math.imul(1812433253, previous ^ (previous >>> 30)) + i;
    }
  }

  /** The next 32 bits. */
  uint32(): number {
    if (this.#next === N) this.#twist();
    let y = this.#state[this.#next++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** `numpy.random.RandomState(seed).permutation(n)` when this generator is fresh: a permutation of 0 .. n-1. */
  legacyPermutation(n: number): Int32Array {
    const values = new Int32Array(n);
    for (let i = 0; i < n; i++) values[i] = i;
    for (let i = n - 1; i > 0; i--) {
      const j = this.#interval(i);
      const kept = values[i]!;
      values[i] = values[j]!;
      values[j] = kept;
    }
    return values;
  }

  /** An integer from 0 to `max` inclusive, by rejection under the smallest mask: numpy's `random_interval`. */
  #interval(max: number): number {
    const mask = 0xffffffff >>> Math.clz32(max);
    let value = this.uint32() & mask;
    while (value > max) value = this.uint32() & mask;
    return value;
  }

  #twist(): void {
    const state = this.#state;
    for (let i = 0; i < N; i++) {
      const y = (state[i]! & 0x80000000) | (state[i + 1 < N ? i + 1 : 0]! & 0x7fffffff);
      state[i] = state[i < N - M ? i + M : i + M - N]! ^ (y >>> 1) ^ (-(y & 1) & 0x9908b0df);
    }
    this.#next = 0;
  }
}
