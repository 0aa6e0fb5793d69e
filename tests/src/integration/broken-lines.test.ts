import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import {
  createServer,
  defineTask,
  type JoinEvent,
  joinFederation,
  RandomStream,
  type RoundRecord,
  type RunOptions,
  scaffold,
  simulate,
  type Task,
  topK,
  webSocketListen,
} from 'fedloom';
import { afterEach, describe, expect, it } from 'vitest';
import { addingTask } from './adding-task.js';
import { brittleLine, type Look, watchedLine } from './cut-lines.js';
import { logisticRegression } from './logistic-regression.js';

const size = { clients: 3, clientsPerRound: 3, rounds: 2, seed: 5, evaluateEvery: 0 };

/** The adding task, whose training takes a while; each call is counted. */
function counting(trainMs: number) {
  const calls: string[] = [];
  const task = addingTask(async (index, round) => {
    calls.push(`${round}:${index}`);
    await sleep(trainMs);
  });
  return { task, calls };
}

const once = ['0:0', '0:1', '0:2', '1:0', '1:1', '1:2'];
const twice = (round: number) => [...once, ...once.filter((call) => call.startsWith(`${round}:`))].sort();

async function hashOf(task: Task, options: RunOptions): Promise<string> {
  return (await simulate(task, { ...options, workers: 1 }).result).modelHash;
}

/** A run whose clients reach the server over a line that this looks at. */
async function runOver(
  look: Look,
  {
    trainMs = 10,
    keptBytesMax,
    over = {},
  }: { trainMs?: number; keptBytesMax?: number; over?: Partial<RunOptions> } = {},
) {
  const { task, calls } = counting(trainMs);
  const server = await createServer(task, { ...size, ...over });
  const line = await watchedLine(server.url, look);
  const records: RoundRecord[] = [];
  server.run.on('round', (record) => records.push(record));
  const events: JoinEvent[] = [];
  const joined = joinFederation(line.url, {
    clients: [{ from: 0, count: 3 }],
    task,
    workers: 3,
    onEvent: (event) => events.push(event),
    ...(keptBytesMax !== undefined && { keptBytesMax }),
  });
  const result = await server.result;
  const finish = await joined;
  line.close();
  expect(finish?.reason).toBe('completed');
  return { result, records, events, calls: calls.sort(), cuts: line.cuts };
}

/** Cuts when the frame passes for the `nth` time, from 1. */
function cutAt(marker: string, from: 'client' | 'server', nth = 1): Look {
  let passed = 0;
  return (sender, frame) => {
    if (sender !== from || !frame.includes(marker)) return 'pass';
    passed += 1;
    return passed === nth ? 'cut' : 'pass';
  };
}

describe('a line that is cut', () => {
  const cases: readonly (readonly [string, string, 'client' | 'server', number])[] = [
    ['when clients ask to be taken in', '"type":"join"', 'client', 1],
    ['before they hear that they were', '"type":"joined"', 'server', 1],
    ['before the model comes', '"type":"model"', 'server', 1],
    ['before they are asked to train', '"type":"train"', 'server', 1],
    ['when the first update is on its way', '"type":"update"', 'client', 1],
    ['when the last update of a round is', '"type":"update"', 'client', 3],
    ['before they hear that their updates counted', '"type":"settled"', 'server', 1],
    ['before they hear that the last ones counted', '"type":"settled"', 'server', 2],
    ['before they hear that the run is over', '"type":"finish"', 'server', 1],
  ];
  for (const [when, marker, from, nth] of cases) {
    it(`${when}: every client trains once a round, and the model is that of the whole line`, async () => {
      const { result, records, calls, cuts } = await runOver(cutAt(marker, from, nth));
      expect([cuts, calls]).toEqual([1, once]);
      expect(result.modelHash).toBe(await hashOf(counting(0).task, size));
      for (const { counted, uncounted, replaced } of records) {
        expect({ counted, uncounted, replaced }).toEqual({ counted: [0, 1, 2], uncounted: [], replaced: [] });
      }
    });
  }

  it('before they hear that the last updates counted: what they keep to themselves is that of the whole line', async () => {
    const task = logisticRegression(scaffold());
    const kept = async (look: Look) => {
      const stateDir = await mkdtemp(join(tmpdir(), 'fedloom-lines-'));
      const server = await createServer(task, { ...size, clientsPerRound: 2, run: 'r', workers: 1 });
      const line = await watchedLine(server.url, look);
      const clients = [{ from: 0, count: 3 }];
      const finish = await joinFederation(line.url, { clients, task, workers: 1, stateDir });
      await server.result;
      line.close();
      expect(finish?.reason).toBe('completed');
      const names = (await readdir(join(stateDir, 'r'))).sort();
      const states = await Promise.all(names.map((name) => readFile(join(stateDir, 'r', name))));
      await rm(stateDir, { recursive: true });
      return { names, states, cuts: line.cuts };
    };
    const whole = await kept(() => 'pass');
    const cut = await kept(cutAt('"type":"settled"', 'server', 2));
    // Nothing is pending: no name has the number of a task.
    expect(whole.names).toEqual(['0.safetensors', '1.safetensors', '2.safetensors']);
    expect(cut).toEqual({ ...whole, cuts: 1 });
  });

  it('and clients that may not keep what they finished: they train again', async () => {
    const { result, calls } = await runOver(cutAt('"type":"update"', 'client'), { keptBytesMax: 1 });
    expect(calls.length).toBeGreaterThan(once.length);
    for (const call of once) expect(calls).toContain(call);
    for (const call of calls) expect(twice(0)).toContain(call);
    expect(result.modelHash).toBe(await hashOf(counting(0).task, size));
  });
});

describe('an evaluation whose line is cut', () => {
  it('is asked for again when the client comes back while others are at it', async () => {
    let evaluated: () => void = () => {};
    const firstHasEvaluated = new Promise<void>((resolve) => {
      evaluated = resolve;
    });
    const task = defineTask({
      name: 'evaluating',
      concurrent: true,
      trainer: ({ index }) => ({
        getModelParams: () => ({ w: Float32Array.of(1) }),
        setModelParams: () => {},
        train: () => ({ sampleCount: 1 }),
        test: async () => {
          if (index === 0) evaluated();
          if (index === 1) await firstHasEvaluated;
          return { results: {}, sampleCount: 1 };
        },
      }),
    });
    const server = await createServer(task, { ...size, clients: 2, clientsPerRound: 2 });
    const line = await watchedLine(server.url, cutAt('"type":"evaluate"', 'server'));
    const records: RoundRecord[] = [];
    server.run.on('round', (record) => records.push(record));
    const joined = [line.url, server.url].map((url, from) =>
      joinFederation(url, { clients: [{ from, count: 1 }], task, workers: 1 }),
    );
    await server.result;
    await Promise.all(joined);
    line.close();
    expect(line.cuts).toBe(1);
    expect(records.map(({ testSampleCount }) => testSampleCount)).toEqual([0, 2]);
  });
});

describe('training that is longer than the line lasts', () => {
  it('is done once: the line breaks in the middle of it, again and again', async () => {
    const { task, calls } = counting(700);
    const server = await createServer(task, { ...size, rounds: 1 });
    const line = await watchedLine(server.url, () => 'pass');
    const records: RoundRecord[] = [];
    server.run.on('round', (record) => records.push(record));
    const joined = joinFederation(line.url, { clients: [{ from: 0, count: 3 }], task, workers: 3, random: () => 0 });
    await new Promise((resolve) => server.run.once('roundStarted', resolve));
    const cutting = setInterval(() => line.cutAll(), 200);
    setTimeout(() => clearInterval(cutting), 900);
    const result = await server.result;
    await joined;
    line.close();
    expect(line.cuts).toBeGreaterThan(2);
    expect(calls.sort()).toEqual(['0:0', '0:1', '0:2']);
    expect(result.modelHash).toBe(await hashOf(counting(0).task, { ...size, rounds: 1 }));
    expect(records[0]).toMatchObject({ counted: [0, 1, 2], awaited: [0, 1, 2], replaced: [], uncounted: [] });
  });

  const BLOCKED_MS = 1_500;
  /** On a thread of its own: its trainer blocks the event loop, so that it cannot answer pings. */
  const CLIENT = `
    import { parentPort, workerData } from 'node:worker_threads';
    import { defineTask, joinFederation } from ${JSON.stringify(import.meta.resolve('fedloom'))};
    const block = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    const task = defineTask({
      name: 'blocking',
      trainer: () => ({
        getModelParams: () => ({ w: Float32Array.of(1) }),
        setModelParams: () => {},
        train: () => { parentPort.postMessage('train'); block(workerData.blockedMs); return { sampleCount: 1 }; },
        test: () => ({ results: {}, sampleCount: 1 }),
      }),
    });
    await joinFederation(workerData.url, { clients: [{ from: 0, count: 1 }], task });
    parentPort.postMessage('finished');
  `;
  const workers: Worker[] = [];
  afterEach(async () => {
    for (const worker of workers.splice(0)) await worker.terminate();
  });

  for (const [what, cutsIt] of [
    ['the server bears its silence', false],
    ['a proxy does not, and the finished update goes over the next line', true],
  ] as const) {
    it(`and blocks the client for longer than silence is borne: ${what}`, async () => {
      const task = defineTask({
        name: 'blocking',
        trainer: () => ({
          getModelParams: () => ({ w: Float32Array.of(1) }),
          setModelParams: () => {},
          train: () => ({ sampleCount: 1 }),
          test: () => ({ results: {}, sampleCount: 1 }),
        }),
      });
      const listen = webSocketListen({ pingEveryMs: 50, deadAfterMs: 500 });
      const one = { clients: 1, clientsPerRound: 1, rounds: 2, evaluateEvery: 0 };
      const server = await createServer(task, { ...one, listeners: [listen] });
      const line = await watchedLine(server.url, () => 'pass');
      const records: RoundRecord[] = [];
      server.run.on('round', (record) => records.push(record));
      const said: unknown[] = [];
      const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(CLIENT)}`), {
        workerData: { url: line.url, blockedMs: BLOCKED_MS },
      });
      workers.push(worker);
      const finished = new Promise<void>((resolve, reject) => {
        worker.once('error', reject);
        worker.on('message', (message) => {
          said.push(message);
          if (message === 'train' && cutsIt) setTimeout(() => line.cutAll(), BLOCKED_MS / 3);
          if (message === 'finished') resolve();
        });
      });
      expect((await server.result).status).toBe('completed');
      await finished;
      line.close();
      expect(said).toEqual(['train', 'train', 'finished']);
      expect(line.cuts).toBe(cutsIt ? 2 : 0);
      expect(records.map(({ counted, awaited }) => [counted, awaited])).toEqual(
        Array.from({ length: 2 }, () => [[0], cutsIt ? [0] : []]),
      );
    });
  }
});

describe('lines that break wherever they like', () => {
  for (const seed of [1, 2, 3]) {
    it(`SCAFFOLD and topK end as over whole lines, and nobody trains twice (${seed})`, async () => {
      const task = logisticRegression(scaffold());
      const options = { clients: 4, clientsPerRound: 3, rounds: 6, seed: 5, stages: [topK({ fraction: 0.2 })] };
      const whole = simulate(task, { ...options, workers: 1 });
      const expected: (readonly number[])[] = [];
      for await (const { counted } of whole) expected.push(counted);
      const server = await createServer(task, { ...options, workers: 1 });
      const line = await brittleLine(server.url, RandomStream.of(seed, 'cuts'), 12);
      const counted: (readonly number[])[] = [];
      server.run.on('round', (record) => counted.push(record.counted));
      const trained: string[] = [];
      const onEvent = (event: JoinEvent) => {
        if (event.type === 'trained') trained.push(`${event.task}:${event.client}`);
      };
      const takePart = (from: number, count: number) =>
        joinFederation(line.url, { clients: [{ from, count }], task, workers: 1, random: () => 0, onEvent });
      const joined = [takePart(0, 1), takePart(1, 3)];
      const result = await server.result;
      await Promise.all(joined);
      line.close();
      expect(line.cuts).toBeGreaterThan(6);
      expect(counted).toEqual(expected);
      expect(result.modelHash).toBe((await whole.result).modelHash);
      expect(trained.sort()).toEqual(
        expected.flatMap((clients, round) => clients.map((at) => `${round}:${at}`)).sort(),
      );
    });
  }
});
