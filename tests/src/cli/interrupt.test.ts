import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CLOUDS, Workplace } from './fedloom.js';

describe('Ctrl-C', () => {
  for (const how of ['', ' --processes=2']) {
    it(`ends a run${how} within a second, with its model saved and exit code 130`, async () => {
      const place = await Workplace.create({ 'task.ts': CLOUDS });
      const run = place.start(`run task.ts 8 3 1000000 --json${how}`);
      await run.event('round', ({ round }) => round === 2);
      const pressedMs = performance.now();
      run.child.kill('SIGINT');
      const { code } = await run.ended;
      expect(performance.now() - pressedMs).toBeLessThan(2000);
      expect(code).toBe(130);
      const last = run.events.at(-1) as { event: string; model: string; modelHash: string; rounds: number };
      expect(last).toMatchObject({ event: 'error', code: 'run.cancelled' });
      expect(last.rounds).toBeGreaterThanOrEqual(3);
      const bytes = await readFile(last.model);
      expect(last.modelHash).toBe(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);
      const file = JSON.parse(await readFile(join(dirname(last.model), 'run.json'), 'utf8'));
      expect(file).toMatchObject({ status: 'cancelled', result: { rounds: last.rounds, modelHash: last.modelHash } });
      const rounds = (await readFile(join(dirname(last.model), 'metrics.jsonl'), 'utf8')).trim().split('\n');
      expect(rounds).toHaveLength(last.rounds);
    });
  }

  it('pressed again ends at once what does not end in order', async () => {
    const never = `
      import { defineTask } from 'fedloom';
      export default defineTask({
        name: 'never',
        trainer: () => ({
          getModelParams: () => ({ w: new Float32Array(3) }),
          setModelParams() {},
          train: () => new Promise(() => setInterval(() => console.log('training'), 100)),
          test: () => ({ results: { error: 1 }, sampleCount: 1 }),
        }),
      });`;
    const place = await Workplace.create({ 'task.ts': never });
    const run = place.start('run task.ts 2 2 5');
    await run.until('training', () => (run.stdout.includes('training') ? true : undefined));
    // Between two of its lines: while the task's own code runs, a signal ends the process at once.
    await new Promise((resolve) => setTimeout(resolve, 40));
    run.child.kill('SIGINT');
    await run.until('the answer', () => (run.stdout.includes('Ctrl-C again stops at once') ? true : undefined));
    run.child.kill('SIGINT');
    // A shell tells 130 for it.
    expect((await run.ended).signal).toBe('SIGINT');
    expect((await place.run('runs list')).stdout).toMatch(/ (interrupted|cancelled) /);
  });

  it('makes a client leave, and a server end, with 130', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    const server = place.start('server task.ts 4 2 5 --listen 127.0.0.1:0 --json');
    const { url } = await server.event('listening');
    const client = place.start(`client task.ts --server ${url} --index 0-1`);
    await client.until('joining', () => (client.stdout.includes('Joined run') ? true : undefined));
    client.child.kill('SIGINT');
    expect((await client.ended).code).toBe(130);
    server.child.kill('SIGINT');
    expect((await server.ended).code).toBe(130);
  });
});

describe('a run whose process was killed', () => {
  it('shows as interrupted, with a whole model and the rounds so far', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    const run = place.start('run task.ts 8 3 1000000 --json');
    const { folder } = await run.event('started');
    await run.event('round', ({ round }) => round === 20);
    run.child.kill('SIGKILL');
    expect((await run.ended).signal).toBe('SIGKILL');
    expect((await readdir(folder as string)).filter((name) => name.endsWith('.safetensors'))).toEqual([
      'model.safetensors',
    ]);
    expect((await place.run('runs list')).stdout).toContain(' interrupted ');
    const shown = await place.run('runs show latest');
    expect(shown.stdout).toContain('status      interrupted');
    const evaluated = await place.run(`evaluate task.ts --model ${folder}/model.safetensors --json`);
    expect(JSON.parse(evaluated.stdout).metrics.accuracy).toBeGreaterThan(0.5);
  });
});
