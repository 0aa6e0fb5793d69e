import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { clientsOf, gone } from './client-processes.js';
import { CLOUDS, type Fedloom, Workplace } from './fedloom.js';

const SIZE = '9 4 3';

/** Training blocks, longer for the last clients. */
const SLOW = `
import { defineTask } from 'fedloom';
const block = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
export default defineTask({
  name: 'slow',
  trainer: ({ index }) => ({
    getModelParams: () => ({ w: Float32Array.of(index) }),
    setModelParams() {},
    train() {
      block(index < 2 ? 10 : 1500);
      return { sampleCount: 1 };
    },
    test: () => ({ results: { error: 1 }, sampleCount: 1 }),
  }),
});
`;

const hashOf = (run: Fedloom) => run.events.at(-1)?.modelHash;

async function inProcessHash(place: Workplace, args = ''): Promise<unknown> {
  const run = place.start(`run task.ts ${SIZE} --json ${args}`);
  expect((await run.ended).code).toBe(0);
  return hashOf(run);
}

describe('fedloom run --processes', () => {
  it('gives the model of the simulation, to the bit, for any number of processes', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    const set = '--set training.localEpochs=2';
    const simulated = await inProcessHash(place, set);
    for (const processes of ['--processes', '--processes=3']) {
      const run = place.start(`run task.ts ${SIZE} --json ${set} ${processes}`);
      expect((await run.ended).code).toBe(0);
      expect(hashOf(run)).toBe(simulated);
    }
  });

  it('goes on when a client process is killed, says so, and fails when none is left', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    const run = place.start('run task.ts 8 4 1000000 --json --processes=2 --deadline 0.5');
    await run.event('round', ({ round }) => round === 1);
    const [first, second] = clientsOf(run.child.pid as number) as [number, number];
    process.kill(first, 'SIGKILL');
    const warning = await run.event('warning', ({ code }) => code === 'launch.client-lost');
    expect(warning.message).toMatch(/clients \d-\d ended with signal SIGKILL/);
    const roundsThen = run.events.filter(({ event }) => event === 'round').length;
    await run.event('round', ({ round }) => (round as number) >= roundsThen + 2);
    process.kill(second, 'SIGKILL');
    const { code, stderr } = await run.ended;
    expect(code).toBe(1);
    expect(stderr).toContain('No client process is left.');
    expect(run.events.at(-1)).toMatchObject({
      event: 'error',
      code: 'launch.clients-failed',
      modelHash: expect.any(String),
    });
    expect((await place.run('runs list')).stdout).toContain(' failed ');
  });

  it('waits for its own children as long as they take, and goes on without them only at a deadline that was asked for', async () => {
    const place = await Workplace.create({ 'task.ts': SLOW });
    const patient = place.start('run task.ts 4 4 1 --json --processes=2 --deadline none');
    expect((await patient.ended).code).toBe(0);
    expect(patient.events.filter(({ event }) => event === 'warning')).toEqual([]);
    const none = { rounds: 0, partialRounds: 0, updates: 0, clients: 0 };
    expect(patient.events.at(-1)).toMatchObject({ event: 'finished', losses: none });
    const said = place.start('run task.ts 4 4 1 --json --processes=2');
    const started = await said.event('started');
    expect((await said.ended).code).toBe(0);
    expect(hashOf(said)).toBe(hashOf(patient));
    expect(said.events.at(-1)).toMatchObject({ losses: none });
    expect((started.arguments as Record<string, unknown>).deadlineMs).toBe(null);

    const hurried = place.start('run task.ts 4 4 1 --json --processes=2 --deadline 1.2');
    const { code, stderr } = await hurried.ended;
    expect(code).toBe(0);
    const lost = { rounds: 1, partialRounds: 1, updates: 2, clients: 2 };
    expect(hurried.events.at(-1)).toMatchObject({ event: 'finished', losses: lost });
    expect(stderr).toContain('Lost: 2 updates of 2 clients did not count, in 1 round; 1 round closed with too few.');
    expect(hashOf(hurried)).not.toBe(hashOf(patient));
    const { folder } = (await hurried.event('started')) as unknown as { folder: string };
    const file = JSON.parse(await readFile(join(folder, 'run.json'), 'utf8'));
    expect(file).toMatchObject({ status: 'completed', result: { losses: lost } });
    expect((await place.run('runs show latest')).stdout).toContain('Lost: 2 updates of 2 clients');
  });

  it('without a deadline fails when the children that are left are too few for a round', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    const run = place.start('run task.ts 4 4 1000000 --json --processes=2');
    await run.event('round', ({ round }) => round === 1);
    process.kill(clientsOf(run.child.pid as number)[0] as number, 'SIGKILL');
    expect((await run.ended).code).toBe(1);
    expect(run.events.at(-1)).toMatchObject({ event: 'error', code: 'launch.clients-failed' });
    expect(run.events.at(-1)?.message).toMatch(
      /clients \d-\d ended with signal SIGKILL\..* left are too few for a round/s,
    );
  });

  it('fails with what a client process said when it cannot even start', async () => {
    const text = `if (process.argv.includes('client')) throw new Error('not in a child');\n${CLOUDS}`;
    const place = await Workplace.create({ 'task.ts': text });
    const { code, stderr } = await place.run('run task.ts 8 4 2 --processes=2');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^fedloom: The process of clients \d-\d ended with exit code 1\./m);
    expect(stderr).toContain('Error: not in a child');
  });

  it('leaves no client process behind when it is killed', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    const run = place.start('run task.ts 8 4 1000000 --json --processes=2');
    await run.event('round');
    const children = clientsOf(run.child.pid as number);
    expect(children).toHaveLength(2);
    run.child.kill('SIGKILL');
    await run.ended;
    expect(await gone(children, 5000)).toEqual([]);
  });
});

describe('fedloom server and clients, started by hand', () => {
  it('in any order, with the task or with partitioned data alone: the model of the simulation, to the bit', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    const simulated = await inProcessHash(place, '--seed 2');
    expect((await place.run('partition task.ts --clients 9 --out parts --seed 2')).code).toBe(0);

    // The clients before the server: they wait for it.
    const port = 20_000 + (process.pid % 20_000);
    const early = [
      place.start(`client --server ws://127.0.0.1:${port} --index 5-8,0 --data parts`),
      place.start(`client task.ts --server ws://127.0.0.1:${port} --index 1-4`),
    ];
    await early[0]?.until('waiting', () => (early[0]?.stdout.includes('Waiting for the server') ? true : undefined));
    const late = place.start(`server task.ts ${SIZE} --seed 2 --listen 127.0.0.1:${port} --json`);
    expect((await late.ended).code).toBe(0);
    expect(hashOf(late)).toBe(simulated);
    expect(await Promise.all(early.map(async ({ ended }) => (await ended).code))).toEqual([0, 0]);

    // The server before the clients, which hold nothing but their parts.
    const server = place.start(`server task.ts ${SIZE} --seed 2 --listen 127.0.0.1:0 --json`);
    const { url } = await server.event('listening');
    const clients = [
      place.start(`client --server ${url} --index 0-7 --data parts`),
      place.start(`client --server ${url} --index 8 --data parts/client-8`),
    ];
    expect((await server.ended).code).toBe(0);
    expect(hashOf(server)).toBe(simulated);
    expect(await Promise.all(clients.map(async ({ ended }) => (await ended).code))).toEqual([0, 0]);
  });

  it('refuse a client whose task makes another plan, telling both hashes', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    const server = place.start('server task.ts 2 1 1 --listen 127.0.0.1:0 --json');
    const { url } = await server.event('listening');
    const { code, stderr } = await place.run(`client task.ts --server ${url} --index 0 --set training.batchSize=5`);
    expect(code).toBe(1);
    expect(new Set(stderr.match(/sha256:[0-9a-f]{8,}/g)).size).toBe(2);
  });

  it('refuse data folders that are missing, empty or of other shapes', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS, 'empty/client-0/.keep': '' });
    const wide = CLOUDS.replace('FEATURES = 6', 'FEATURES = 5');
    await place.write('wide.ts', wide);
    await place.run('partition wide.ts --clients 1 --out wide');
    const server = place.start('server task.ts 2 1 1 --listen 127.0.0.1:0 --json');
    const { url } = await server.event('listening');
    for (const [data, message] of [
      ['none', /none/],
      ['empty', /empty.*client-0/],
      ['wide', /wide.*client-0.*train\.safetensors.*\[600, 5\].*\[samples, 6\]/],
    ] as const) {
      const { code, stderr } = await place.run(`client --server ${url} --index 0 --data ${data}`);
      expect(stderr).toMatch(message);
      expect(stderr).not.toMatch(/^\s+at /m);
      expect(code).toBe(1);
    }
  });
});
