/** Multipliers and Weyl constants of Philox-4x32. */
export const MULTIPLIERS = [0xd2511f53, 0xcd9e8d57] as const;
export const WEYL = [0x9e3779b9, 0xbb67ae85] as const;
export const ROUNDS = 10;

/** Writes the outputs of Philox for counters that count up, one behind the other: see `philoxBlocks`. */
export type PhiloxBlocks = (
  words: Uint32Array,
  at: number,
  blocks: number,
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
) => void;

/** Philox-4x32-10 in TypeScript: for platforms without WebAssembly, and what its kernel is tested against. */
export const plainPhilox: PhiloxBlocks = (words, at, blocks, [low, high, ...upper], key) => {
  for (let block = 0; block < blocks; block++) {
    const first = low + block;
    writeBlock(words, at + 4 * block, [first >>> 0, (high + Math.floor(first / 2 ** 32)) >>> 0, ...upper], key);
  }
};

function writeBlock(
  words: Uint32Array,
  at: number,
  [first, second, third, fourth]: readonly [number, number, number, number],
  [key0, key1]: readonly [number, number],
): void {
  let c0 = first;
  let c1 = second;
  let c2 = third;
  let c3 = fourth;
  let k0 = key0;
  let k1 = key1;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIERS[0], c0);
    const low0 = Math.imul(MULTIPLIERS[0], c0);
    const high1 = multiplyHigh(MULTIPLIERS[1], c2);
    const low1 = Math.imul(MULTIPLIERS[1], c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + WEYL[0]) | 0;
    k1 = (k1 + WEYL[1]) | 0;
  }
  words[at] = c0;
  words[at + 1] = c1;
  words[at + 2] = c2;
  words[at + 3] = c3;
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
