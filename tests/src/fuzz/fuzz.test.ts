import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { CORPUS, inputsOf } from './corpus.js';
import { runThread } from './run-thread.js';
import { TARGETS, targetNamed } from './targets.js';
import { read } from './watched.js';

const NAMES = Object.keys(TARGETS);
/** Another every day: what it finds is told with it. */
const SEED = Math.floor(Date.now() / 86_400_000);
const SECONDS = 0.5;

describe('what comes from outside', () => {
  it.each(NAMES)('is taken or refused: %s, as far as was found', async (name) => {
    const target = await targetNamed(name);
    const seeds = (await target.seeds()).map((bytes, i) => ({ name: `seed ${i}`, bytes }));
    for (const { name: input, bytes } of [...seeds, ...(await inputsOf(name))]) {
      try {
        await read(target, bytes);
      } catch (cause) {
        throw new Error(`${name}: ${input}`, { cause });
      }
    }
  });

  it('has a target for each folder of inputs', async () => {
    expect(NAMES).toEqual(expect.arrayContaining(await readdir(CORPUS)));
  });

  it.each(NAMES)('is taken or refused: %s, as far as half a second goes', async (name) => {
    const { reads, blocks, bug } = await runThread(name, SECONDS, SEED);
    expect(bug?.error, `npm run fuzz -- ${name} --seed ${SEED}`).toBeUndefined();
    // It reads, and sees what that runs.
    expect([reads > 0, blocks > 0]).toEqual([true, true]);
  });
});
