import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MUTANTS } from './mutants.js';
import { MutantHouse } from './mutate.js';
import { examine } from './sweep.js';

const SEEDS_AT_A_TIME = 25;
const SEEDS = 200;
/** Bugs that the first seeds find, each of another part. */
const QUICK = [
  'clients are told before the disk knows',
  'the end is told before the disk knows',
  'the bytes of a body are never given back',
];
const QUICK_SEEDS = 12;

describe('federations under faults', () => {
  const starts = Array.from({ length: SEEDS / SEEDS_AT_A_TIME }, (_, i) => i * SEEDS_AT_A_TIME);
  it.each(starts)('keep their promises (25 seeds from %i)', async (from) => {
    for (let seed = from; seed < from + SEEDS_AT_A_TIME; seed += 1) {
      const { problems } = await examine(seed);
      expect(problems, `npm run simulate -- --seed ${seed} --trace`).toEqual([]);
    }
  });

  it('are the same again for the same seed, to the last event', async () => {
    for (const seed of [1, 7, 11]) {
      const [one, other] = [await examine(seed, true), await examine(seed, true)];
      expect(one.trace.length).toBeGreaterThan(20);
      expect(other.trace).toEqual(one.trace);
      expect(other.fingerprint).toBe(one.fingerprint);
    }
  });
});

describe('deliberate bugs', () => {
  let house: MutantHouse;
  beforeAll(async () => {
    house = await MutantHouse.build();
  });
  afterAll(() => house.close());

  it.each(QUICK)('are found: %s', async (name) => {
    const mutant = MUTANTS.find((one) => one.name === name);
    if (mutant === undefined) throw new Error(`there is no mutant "${name}"`);
    expect(await house.catch(mutant, QUICK_SEEDS)).toMatchObject({ seeds: expect.any(Number) });
  });

  it('are made where they are meant to be, each', async () => {
    for (const mutant of MUTANTS) await house.check(mutant);
  });
});
