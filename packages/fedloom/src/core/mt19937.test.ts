import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MersenneTwister } from './mt19937.js';

/** Made with numpy by tools/goldens/generate.py. */
interface Goldens {
  readonly mt19937: readonly { seed: number; uint32: number[] }[];
  readonly permutations: readonly { seed: number; size: number; values: number[] }[];
  readonly cohorts: readonly { total: number; perRound: number; round: number; clients: number[] }[];
}
const path = new URL('../../../../tools/goldens/data/numpy-sampling.json', import.meta.url);
const goldens: Goldens = JSON.parse(readFileSync(path, 'utf8'));

describe('MersenneTwister', () => {
  it.each(goldens.mt19937)('draws numpy’s words for seed $seed', ({ seed, uint32 }) => {
    const generator = new MersenneTwister(seed);
    expect(uint32.map(() => generator.uint32())).toEqual(uint32);
  });

  it('gives the published first word of the reference code for its default seed', () => {
    expect(new MersenneTwister(5489).uint32()).toBe(3499211612);
  });

  it('gives the 10,000th word that the C++ standard demands of mt19937', () => {
    const generator = new MersenneTwister(5489);
    for (let i = 1; i < 10_000; i++) generator.uint32();
    expect(generator.uint32()).toBe(4123659995);
  });

  it.each(goldens.permutations)('permutes $size places for seed $seed as numpy', ({ seed, size, values }) => {
    expect([...new MersenneTwister(seed).legacyPermutation(size)]).toEqual(values);
  });

  it('samples all cohorts of the reference', () => {
    const sampled = goldens.cohorts.filter(({ total, perRound }) => perRound < total);
    expect(sampled.length).toBeGreaterThan(50);
    for (const { total, perRound, round, clients } of sampled) {
      expect([...new MersenneTwister(round).legacyPermutation(total).subarray(0, perRound)]).toEqual(clients);
    }
  });

  it('refuses seeds that numpy refuses', () => {
    for (const seed of [-1, 2 ** 32, 0.5, Number.NaN]) expect(() => new MersenneTwister(seed)).toThrow(RangeError);
  });
});
