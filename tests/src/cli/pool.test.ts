import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { gone } from './client-processes.js';
import { CLOUDS, type Fedloom, Workplace } from './fedloom.js';

const SIZE = '9 4 3';
const hashOf = (run: Fedloom) => run.events.at(-1)?.modelHash;
/** Rounds that go on for longer than anybody waits. */
const LONG = CLOUDS.replace(/localEpochs: \d+/, 'localEpochs: 20000');

function workersOf(pid: number): number[] {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args=']).toString().trim().split('\n');
  return table
    .map((line) => line.trim().split(/\s+/))
    .filter(([, parent, ...args]) => Number(parent) === pid && args.some((arg) => arg.endsWith('plan-child.js')))
    .map(([own]) => Number(own));
}

const workersOfRun = (run: Fedloom) =>
  run.until('two worker processes', () => {
    const workers = workersOf(run.child.pid as number);
    return workers.length === 2 ? workers : undefined;
  });

describe('fedloom run --pool processes', () => {
  it('gives the model of threads, to the bit, also when a worker is killed', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS.replace(/localEpochs: \d+/, 'localEpochs: 400') });
    const threads = place.start(`run task.ts ${SIZE} --json`);
    expect((await threads.ended).code).toBe(0);
    const processes = place.start(`run task.ts ${SIZE} --json --pool processes --workers 2`);
    const [first] = await workersOfRun(processes);
    await processes.event('round');
    process.kill(first as number, 'SIGKILL');
    expect((await processes.ended).code).toBe(0);
    expect(hashOf(processes)).toBe(hashOf(threads));
  });

  it.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)('leaves no worker behind after %s', async (signal) => {
    const place = await Workplace.create({ 'task.ts': LONG });
    const run = place.start(`run task.ts 9 4 300 --json --pool processes --workers 2`);
    const workers = await workersOfRun(run);
    await run.event('started');
    run.child.kill(signal);
    await run.ended;
    expect(await gone(workers, 4000)).toEqual([]);
  });

  it('is there for server, client and evaluate too, and gives the same', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS.replace(/localEpochs: \d+/, 'localEpochs: 100') });
    const alone = place.start(`run task.ts 4 4 2 --json`);
    expect((await alone.ended).code).toBe(0);
    const pool = '--pool processes --workers 2';
    const server = place.start(`server task.ts 4 4 2 --listen 127.0.0.1:0 --json ${pool}`);
    const { url } = await server.event('listening');
    const client = place.start(`client task.ts --server ${url} --index 0-3 ${pool}`);
    await Promise.all([workersOfRun(server), workersOfRun(client)]);
    expect([(await server.ended).code, (await client.ended).code]).toEqual([0, 0]);
    expect(hashOf(server)).toBe(hashOf(alone));
    const finished = await server.event('finished');
    const evaluate = place.start(`evaluate task.ts --model ${finished.model} --json ${pool}`);
    expect((await evaluate.ended).code).toBe(0);
    expect(evaluate.events.at(-1)).toMatchObject({ metrics: finished.metrics, modelHash: hashOf(alone) });
  });

  it('is refused for clients in processes, and for pools that there are not', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    for (const args of ['--pool processes --processes=2', '--pool ranks']) {
      const { code, stderr } = await place.start(`run task.ts ${SIZE} ${args}`).ended;
      expect(code).toBe(2);
      expect(stderr).toMatch(/--pool/);
    }
  });
});
