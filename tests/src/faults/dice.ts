/**
 * Pseudo-random numbers that are a function of a seed and a purpose: sfc32 (Doty-Humphrey, PractRand), seeded by FNV-1a of both.
 * Not fedloom's own streams: what is tested shares nothing with what tests it.
 */
export class Dice {
  readonly #state: [number, number, number, number];

  constructor(
    private readonly seed: number,
    private readonly purpose: string,
  ) {
    let hash = 0x811c9dc5;
    for (const character of `${seed} ${purpose}`) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
    this.#state = [hash, seed | 0, Math.imul(hash, 0x9e3779b9), 1];
    for (let i = 0; i < 12; i += 1) this.#word();
  }

  /** Others, for a part of the purpose: what is drawn from them changes nothing here. */
  of(part: string | number): Dice {
    return new Dice(this.seed, `${this.purpose}/${part}`);
  }

  /** Uniform in [0, 1). */
  next(): number {
    return (this.#word() >>> 0) / 2 ** 32;
  }

  /** A whole number from `low` to `high`, both among them. */
  whole(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  between(low: number, high: number): number {
    return low + this.next() * (high - low);
  }

  /** Mostly short, now and then long: uniform in the logarithm. */
  logarithmic(low: number, high: number): number {
    return low * (high / low) ** this.next();
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(list: readonly T[]): T {
    const picked = list[Math.floor(this.next() * list.length)];
    if (picked === undefined) throw new RangeError('there is nothing to pick from');
    return picked;
  }

  #word(): number {
    const [a, b, c, counter] = this.#state;
    const word = (a + b + counter) | 0;
    this.#state[3] = (counter + 1) | 0;
    this.#state[0] = b ^ (b >>> 9);
    this.#state[1] = (c + (c << 3)) | 0;
    this.#state[2] = (((c << 21) | (c >>> 11)) + word) | 0;
    return word;
  }
}
