import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clientIndex } from '../../core/brands.js';
import { PrivateStates } from '../private-states.js';
import { fileStateStore } from './file-state-store.js';

const state = (value: number) => Uint8Array.of(value, value, value);
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fedloom-states-test-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** The private states of a process that takes part in a run. */
function start(run = 'run:1') {
  const store = fileStateStore(join(folder, 'states'));
  store.open?.(run);
  return { store, states: new PrivateStates(store) };
}

describe('fileStateStore', () => {
  it('makes no folder for clients that keep nothing', async () => {
    const { store, states } = start();
    expect(await states.committed(clientIndex(3))).toBeUndefined();
    await states.settle([clientIndex(3)], 0, true);
    await states.settle([clientIndex(3)], 1, false);
    await store.close();
    expect(await readdir(folder)).toEqual([]);
  });

  it('commits what another process proposed, once, when its update turns out to have counted', async () => {
    await start().states.propose(clientIndex(3), 7, state(1));
    const { states } = start();
    expect(await states.committed(clientIndex(3))).toBeUndefined();
    // Not awaited: the next training, which may come right after, sees it.
    void states.settle([clientIndex(3)], 7, true);
    expect(await states.committed(clientIndex(3))).toEqual(state(1));
    await states.propose(clientIndex(3), 8, state(2));
    // Told again, since the line had broken.
    await states.settle([clientIndex(3)], 7, true);
    expect(await states.committed(clientIndex(3))).toEqual(state(1));
    await states.settle([clientIndex(3)], 8, true);
    await states.settle([clientIndex(3)], 8, true);
    expect(await states.committed(clientIndex(3))).toEqual(state(2));
    expect(await start().states.committed(clientIndex(3))).toEqual(state(2));
  });

  it('drops what did not count, and what was proposed before', async () => {
    const { states } = start();
    await states.propose(clientIndex(1), 0, state(1));
    await states.settle([clientIndex(1)], 0, false);
    await start().states.settle([clientIndex(1)], 0, true);
    expect(await states.committed(clientIndex(1))).toBeUndefined();
    await states.propose(clientIndex(1), 1, state(2));
    await states.propose(clientIndex(1), 2, state(3));
    await states.settle([clientIndex(1)], 1, true);
    expect(await states.committed(clientIndex(1))).toBeUndefined();
    await states.settle([clientIndex(1)], 2, true);
    expect(await states.committed(clientIndex(1))).toEqual(state(3));
  });

  it('keeps runs and clients apart, and forgets only its own', async () => {
    const [one, other] = [start('one'), start('other')];
    for (const [at, client, value] of [
      [one, 1, 1],
      [one, 2, 2],
      [other, 1, 3],
    ] as const) {
      await at.states.propose(clientIndex(client), 0, state(value));
      await at.states.settle([clientIndex(client)], 0, true);
    }
    await one.store.forget();
    expect(await start('one').states.committed(clientIndex(1))).toBeUndefined();
    expect(await start('other').states.committed(clientIndex(1))).toEqual(state(3));
    expect(await readdir(join(folder, 'states'))).toEqual(['other']);
  });

  it('says what cannot be written', async () => {
    await writeFile(join(folder, 'states'), 'in the way');
    await expect(start().states.propose(clientIndex(1), 0, state(1))).rejects.toMatchObject({
      code: expect.stringMatching(/^store\./),
      message: expect.stringMatching(/1\.safetensors: .* --state-dir/),
    });
  });
});
