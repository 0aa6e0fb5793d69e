import { describe, expect, it } from 'vitest';
import { clientsOf, gone } from './client-processes.js';
import { CLOUDS, type Fedloom, Workplace } from './fedloom.js';

/** Says that it is there and never comes back, not even for a signal. */
const ENDLESS = "(() => { require('node:fs').writeSync(2, 'BLOCKED\\n'); for (;;); })()";

const trainerTask = (over: string, task = '') => `
  import { defineTask, fedAvg } from 'fedloom';
  export default defineTask({
    name: 'endless',
    trainer: ({ index }) => ({
      getModelParams: () => ({ w: new Float32Array(3) }),
      setModelParams() {},
      train: () => ({ sampleCount: 1 }),
      test: () => ({ results: { error: 1 }, sampleCount: 1 }),
      ...(index >= 0 ? { ${over} } : {}),
    }),
    ${task}
  });`;

const planTask = (over: string) => CLOUDS.replace("name: 'clouds',\n  data", `name: 'endless', ${over},\n  data`);

const blocked = (run: Fedloom) =>
  run.until('blocking', () => (run.stderr.includes('BLOCKED') || run.stdout.includes('BLOCKED') ? true : undefined));

async function endsBy(run: Fedloom, signal: NodeJS.Signals): Promise<void> {
  const pressedMs = performance.now();
  run.child.kill(signal);
  expect((await run.ended).signal).toBe(signal);
  expect(performance.now() - pressedMs).toBeLessThan(2000);
}

describe('one Ctrl-C ends a main thread that is blocked', () => {
  const PARTITION = planTask(`partition: { name: 'mine', partition: () => ${ENDLESS} }`);
  for (const [what, text, command] of [
    ['by the task file', `${ENDLESS};\n${CLOUDS}`, 'run task.ts 4 2 1'],
    ['by the partition of a run', PARTITION, 'run task.ts 4 2 1'],
    ['by the command partition', PARTITION, 'partition task.ts --clients 4 --out parts'],
    [
      'by making a trainer',
      trainerTask('').replace('trainer: ({ index }) => ({', `trainer: ({ index }) => ${ENDLESS} ?? ({`),
      'run task.ts 2 2 1',
    ],
    ['by train', trainerTask(`train: () => ${ENDLESS}`), 'run task.ts 2 2 1'],
    [
      'by train after it waited',
      trainerTask(`train: () => new Promise((resolve) => setTimeout(resolve, 50)).then(() => ${ENDLESS})`),
      'run task.ts 2 2 1',
    ],
    [
      'by train after it waited for nothing',
      trainerTask(`train: async () => { await null; ${ENDLESS}; }`),
      'run task.ts 2 2 1',
    ],
    ['by test', trainerTask(`test: () => ${ENDLESS}`), 'run task.ts 2 2 1'],
    [
      'by the aggregator of results',
      trainerTask('', `resultAggregator: { aggregate: () => ${ENDLESS} }`),
      'run task.ts 2 2 1',
    ],
    [
      'by an algorithm of its own',
      trainerTask(
        '',
        `algorithm: { ...fedAvg(), name: 'mine', server: { initialize: () => new Map(), update: () => ${ENDLESS} } }`,
      ),
      'run task.ts 2 2 1',
    ],
  ] as const) {
    it(what, async () => {
      const place = await Workplace.create({ 'task.ts': text });
      const run = place.start(command);
      await blocked(run);
      await endsBy(run, what === 'by test' ? 'SIGTERM' : 'SIGINT');
    });
  }

  it('also one that a client runs, while its server stays', async () => {
    const place = await Workplace.create({ 'task.ts': trainerTask(`train: () => ${ENDLESS}`) });
    const server = place.start('server task.ts 2 2 1 --listen 127.0.0.1:0 --json');
    const { url } = await server.event('listening');
    const client = place.start(`client task.ts --server ${url} --index 0-1`);
    await blocked(client);
    await endsBy(client, 'SIGINT');
    expect(server.child.exitCode).toBe(null);
  });
});

describe('between what a trainer does', () => {
  it('Ctrl-C ends the run in order, with 130', async () => {
    const train =
      "train: async () => { console.log('training'); await new Promise((resolve) => setTimeout(resolve, 1e6)); }";
    const place = await Workplace.create({ 'task.ts': trainerTask(train) });
    const run = place.start('run task.ts 2 2 1');
    await run.until('training', () => (run.stdout.includes('training') ? true : undefined));
    await new Promise((resolve) => setTimeout(resolve, 100));
    run.child.kill('SIGINT');
    expect((await run.ended).code).toBe(130);
  });
});

describe('no client process outlives its run', () => {
  for (const [what, train] of [
    ['trains', 'train: async () => { await new Promise((resolve) => setTimeout(resolve, 1e6)); }'],
    ['is blocked', `train: () => ${ENDLESS}`],
  ] as const) {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const) {
      it(`that ${signal} ends while it ${what}`, async () => {
        const place = await Workplace.create({ 'task.ts': trainerTask(train) });
        const run = place.start('run task.ts 4 4 1 --json --processes=2');
        await run.event('started');
        const pid = run.child.pid as number;
        const children = await run.until('two clients', () => {
          const found = clientsOf(pid);
          return found.length === 2 ? found : undefined;
        });
        // Until they have joined and train.
        await new Promise((resolve) => setTimeout(resolve, 2500));
        const pressedMs = performance.now();
        run.child.kill(signal);
        expect(await gone(children, 5000)).toEqual([]);
        await run.ended;
        expect(performance.now() - pressedMs).toBeLessThan(5000);
      });
    }
  }
});
