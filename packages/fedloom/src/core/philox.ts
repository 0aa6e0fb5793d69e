import { type PhiloxBlocks, plainPhilox } from './plain-philox.js';
import { wasmPhilox } from './wasm-philox.js';

let fastest: PhiloxBlocks | undefined;

/**
 * Philox-4x32-10 (Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3"): for each key a
 * bijection of 128-bit counters, whose outputs pass the usual batteries of statistical tests even for counters that
 * count. Not for secrets.
 *
 * @param words gets four for each of `blocks` counters, from `at` on
 * @param counter the first of them, least significant word first; its lower two words count up
 */
export const philoxBlocks: PhiloxBlocks = (words, at, blocks, counter, key) => {
  fastest ??= wasmPhilox() ?? plainPhilox;
  fastest(words, at, blocks, counter, key);
};

/** Philox of one counter, which the output replaces. */
export function philox4x32(counter: Uint32Array, key0: number, key1: number): void {
  philoxBlocks(counter, 0, 1, [counter[0]!, counter[1]!, counter[2]!, counter[3]!], [key0, key1]);
}
