import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunArguments } from '../store/run-file.js';
import { RunFolder } from '../store/run-folder.js';
import { type RunSettings, runSettings } from './run-settings.js';
import { unfinishedRun } from './unfinished-run.js';

let root: string;
let task: string;
let settings: RunSettings;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'fedloom-unfinished-'));
  task = join(root, 'task.ts');
  await writeFile(task, '');
  settings = runSettings([4, 2, 3], { seed: 7, evaluateEvery: 1, out: root, set: ['training.batchSize=4'] });
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** A run that ended so, started after those before. */
async function ran(run: string, status: 'completed' | 'cancelled', changes: Partial<RunArguments> = {}) {
  await new Promise((resolve) => setTimeout(resolve, 5));
  const { clients, clientsPerRound, rounds, evaluateEvery, set, seed } = settings;
  const args = { clients, clientsPerRound, rounds, evaluateEvery, set, command: 'server' as const, ...changes };
  const folder = await RunFolder.create(root, { run, task: { name: 'a' }, taskFile: task, arguments: args, seed });
  await folder.finish({ status });
}
const found = async () => (await unfinishedRun(task, settings))?.file.run;

describe('server --resume goes on with', () => {
  it('nothing where there is nothing', async () => {
    expect(await found()).toBeUndefined();
  });

  it('the latest run of the task with the same settings', async () => {
    await ran('a', 'cancelled');
    await ran('b', 'cancelled', { listen: '127.0.0.1:9', workers: 3 });
    expect(await found()).toBe('b');
  });

  it('none that finished, nor one before it', async () => {
    await ran('a', 'cancelled');
    await ran('b', 'completed');
    expect(await found()).toBeUndefined();
  });

  it('none of other settings, nor a simulated one', async () => {
    await ran('a', 'cancelled');
    await ran('b', 'cancelled', { rounds: 4 });
    await ran('c', 'cancelled', { set: [] });
    await ran('d', 'cancelled', { algorithm: 'scaffold' });
    await ran('e', 'cancelled', { fold: 'median' });
    await ran('f', 'cancelled', { stages: ['clip(norm=1)'] });
    await ran('g', 'cancelled', { init: '/model.safetensors' });
    await ran('h', 'cancelled', { command: 'run' });
    expect(await found()).toBe('a');
  });
});
