/** Multipliers and Weyl constants of Philox-4x32. */
const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const ROUNDS = 10;

/**
 * Philox-4x32-10 (Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3"): for each key a
 * bijection of 128-bit counters, whose outputs pass the usual batteries of statistical tests even for counters that
 * count. Not for secrets.
 * @param counter four words, least significant first; replaced by the output
 */
export function philox4x32(counter: Uint32Array, key0: number, key1: number): void {
  let c0 = counter[0]!;
  let c1 = counter[1]!;
  let c2 = counter[2]!;
  let c3 = counter[3]!;
  let k0 = key0;
  let k1 = key1;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const low0 = Math.imul(MULTIPLIER_0, c0);
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    const low1 = Math.imul(MULTIPLIER_1, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + WEYL_0) | 0;
    k1 = (k1 + WEYL_1) | 0;
  }
  counter[0] = c0;
  counter[1] = c1;
  counter[2] = c2;
  counter[3] = c3;
}

/** Upper 32 bits of the unsigned 64-bit product, by schoolbook multiplication of 16-bit halves. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16);
  const lower = Math.imul(aLow, bHigh) + (middle & 0xffff);
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (lower >>> 16)) | 0;
}

/**
 * Philox of the counters `first`, `first + 1`, ... one behind the other.
 * @param words gets four for each of `blocks` counters, from `at` on
 * @param upper the third and fourth word of each counter
 */
export function philoxBlocks(
  words: Uint32Array,
  at: number,
  blocks: number,
  first: number,
  upper: readonly [number, number],
  key: readonly [number, number],
): void {
  const counter = new Uint32Array(4);
  for (let block = 0; block < blocks; block++) {
    counter[0] = first + block;
    counter[1] = Math.floor((first + block) / 2 ** 32);
    counter[2] = upper[0];
    counter[3] = upper[1];
    philox4x32(counter, key[0], key[1]);
    const to = at + 4 * block;
    words[to] = counter[0];
    words[to + 1] = counter[1];
    words[to + 2] = counter[2];
    words[to + 3] = counter[3];
  }
}
