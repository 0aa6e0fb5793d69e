import { describe, expect, it } from 'vitest';
import { clientIndex } from '../core/brands.js';
import { decodeSafetensors, encodeSafetensors } from '../core/safetensors.js';
import type { UpdateSpec } from '../update/update.js';
import { tensorsOf } from './testing/host-under-test.js';
import { UpdateStages } from './update-stages.js';

const specs: readonly UpdateSpec[] = [{ name: 'w', dtype: 'float32', shape: [4], kind: 'trained', fold: 'mean' }];
const of = { client: clientIndex(1), task: 0, seed: 0 };
const outcome = (state?: number, ...delta: number[]) => ({
  update: encodeSafetensors(tensorsOf('w', ...delta)),
  facts: {},
  specs,
  ...(state !== undefined && { state: encodeSafetensors(tensorsOf('control/w', state)) }),
});
const topK = { name: 'topK', options: { fraction: 0.25 } };

describe('UpdateStages', () => {
  it('without stages gives on what training made, bytes and all', async () => {
    const stages = new UpdateStages();
    stages.open([]);
    const trained = outcome(1, 1, 2, 3, 4);
    expect(await stages.apply(trained, of)).toBe(trained);
    expect(stages.algorithmState(trained.state)).toBe(trained.state);
    expect(stages.algorithmState(undefined)).toBeUndefined();
  });

  it('keeps the state of stages beside that of the algorithm, and tells them apart again', async () => {
    const stages = new UpdateStages();
    stages.open([topK]);
    const { state } = await stages.apply(outcome(7, 1, 2, 3, 4), of);
    const kept = decodeSafetensors(state ?? new Uint8Array());
    expect(kept.size).toBeGreaterThan(1);
    const own = decodeSafetensors(stages.algorithmState(state) ?? new Uint8Array());
    expect([...own].map(([name, { data }]) => [name, ...data])).toEqual([['control/w', 7]]);
    // What was held back of the first update comes with the second, if the first was committed, and only then.
    const again = async (committed?: Uint8Array) => [
      ...(await stages.apply(outcome(7, 0, 0, 0, 0), { ...of, task: 1, ...(committed && { committed }) })).update,
    ];
    expect(await again(state)).not.toEqual(await again());
  });

  it('of a committed state that is only the stages gives the algorithm none', async () => {
    const stages = new UpdateStages();
    stages.open([topK]);
    const { state } = await stages.apply(outcome(undefined, 1, 2, 3, 4), of);
    expect(state).toBeDefined();
    expect(stages.algorithmState(state)).toBeUndefined();
  });

  it('opens anew for another connection of the run', async () => {
    const stages = new UpdateStages();
    stages.open([topK]);
    const first = await stages.apply(outcome(7, 1, 2, 3, 4), of);
    stages.open([topK]);
    expect((await stages.apply(outcome(7, 1, 2, 3, 4), of)).update).toEqual(first.update);
  });

  it('refuses a run whose stages it does not know', () => {
    expect(() => new UpdateStages().open([{ name: 'vendor/unknown', options: {} }])).toThrow('vendor/unknown');
  });
});
