import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CLOUDS, type JsonLine, Workplace } from './fedloom.js';

/** A trainer that counts, and does something else as well in its tenth training. */
const counting = (then: string) => `
  import { mkdirSync, readdirSync } from 'node:fs';
  import { defineTask } from 'fedloom';
  let trained = 0;
  const tenth = () => { ${then} };
  export default defineTask({
    name: 'counting',
    trainer: () => {
      let w = new Float32Array(3);
      return {
        getModelParams: () => ({ w: w.slice() }),
        setModelParams: (params) => { w = Float32Array.from(params.get('w').data); },
        async train() {
          trained += 1;
          if (trained === 10) tenth();
          await new Promise((resolve) => setTimeout(resolve, 5));
          w[0] += 1;
          return { sampleCount: 1 };
        },
        test: () => ({ results: { sum: w[0] }, sampleCount: 1 }),
      };
    },
  });`;

/** The only run of a place, as its folder tells it. */
async function onlyRun(place: Workplace) {
  const [name = ''] = await readdir(join(place.path, 'runs'));
  const folder = join(place.path, 'runs', name);
  const file = JSON.parse(await readFile(join(folder, 'run.json'), 'utf8'));
  const rounds = (await readFile(join(folder, 'metrics.jsonl'), 'utf8')).split('\n').slice(0, -1);
  return {
    folder,
    file,
    rounds: rounds.map((line) => JSON.parse(line) as { round: number; metrics: { sum: number } }),
  };
}

async function hashOf(path: string): Promise<string> {
  return `sha256:${createHash('sha256')
    .update(await readFile(path))
    .digest('hex')}`;
}

const roundsTold = (events: readonly JsonLine[]) => events.filter(({ event }) => event === 'round').length;

describe('a run that breaks', () => {
  it('by an error that nobody awaits has failed, with every round that was told and its last model', async () => {
    const place = await Workplace.create({
      'task.ts': counting("setTimeout(() => { throw new Error('out of the blue'); }, 1);"),
    });
    const run = place.start('run task.ts 2 2 100 --json');
    expect((await run.ended).code).toBe(1);
    const { folder, file, rounds } = await onlyRun(place);
    expect(file).toMatchObject({
      status: 'failed',
      error: { code: 'bug', message: expect.stringContaining('out of the blue') },
      finishedAt: expect.any(String),
    });
    expect(roundsTold(run.events)).toBeGreaterThanOrEqual(3);
    expect(rounds.length).toBe(roundsTold(run.events));
    expect(file.modelRound).toBeGreaterThanOrEqual(rounds.length - 1);
    expect(file.modelHash).toBe(await hashOf(join(folder, 'model.safetensors')));
    expect((await place.run('runs list')).stdout).toMatch(/ failed /);
    expect((await place.run('runs show latest')).stdout).toContain(
      `model.safetensors, after ${file.modelRound + 1} rounds`,
    );
  });

  it('because its model cannot be saved says so, and tells no path and no hash of it', async () => {
    const inTheWay = `
      for (const run of readdirSync('runs')) mkdirSync('runs/' + run + '/model.safetensors/in-the-way', { recursive: true });`;
    // Before the first model is saved, which is after the first round.
    const task = counting(inTheWay).replace('trained === 10', 'trained === 1');
    for (const json of [false, true]) {
      const place = await Workplace.create({ 'task.ts': task });
      const { code, stdout, stderr } = await place.run(`run task.ts 2 2 5${json ? ' --json' : ''}`);
      expect(code).toBe(1);
      expect(stderr).toMatch(/^fedloom: Cannot save the model to .*model\.safetensors: /m);
      expect(stdout).not.toContain('sha256:');
      if (json) {
        const last = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as JsonLine;
        expect(last).toMatchObject({ event: 'error', code: expect.stringMatching(/^store\./) });
        expect(last).not.toHaveProperty('model');
        expect(last).not.toHaveProperty('modelHash');
      } else expect(stdout).toMatch(/^model {7}not saved$/m);
      expect((await onlyRun(place)).file).toMatchObject({ status: 'failed', modelRound: null, modelHash: null });
    }
  });

  it('because it was killed says of which round its model is', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    const run = place.start('run task.ts 8 3 1000000 --json');
    await run.event('round', ({ round }) => round === 40);
    run.child.kill('SIGKILL');
    await run.ended;
    const { folder, file } = await onlyRun(place);
    expect(file.status).toBe('running');
    expect((await place.run('runs list')).stdout).toMatch(/ interrupted /);
    expect(file.modelRound).toBeGreaterThanOrEqual(0);
    expect(file.modelHash).toBe(await hashOf(join(folder, 'model.safetensors')));
    // The same run as far as that, which need not be killed.
    const again = await place.run(`run task.ts 8 3 ${file.modelRound + 1} --json`);
    expect(JSON.parse(again.stdout.trim().split('\n').at(-1) ?? '').modelHash).toBe(file.modelHash);
  });
});
