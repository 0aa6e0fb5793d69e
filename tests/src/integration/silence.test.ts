import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { createServer, defineTask, joinFederation, type Trainer, webSocketDial, webSocketListen } from 'fedloom';
import { afterEach, describe, expect, it } from 'vitest';
import { tcpLine } from './tcp-line.js';

const BLOCKED_MS = 2_000;

/** A client on a thread of its own, so that its trainer blocks that thread's event loop and not the server's. */
const CLIENT = `
  import { workerData } from 'node:worker_threads';
  import { defineTask, joinFederation } from ${JSON.stringify(import.meta.resolve('fedloom'))};
  const block = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  const vector = (value) => ({ dtype: 'float32', shape: [1], data: Float32Array.of(value) });
  const task = defineTask({
    name: 'slow',
    trainer: () => ({
      getModelParams: () => ({ w: vector(1) }),
      setModelParams: () => {},
      train: () => { block(workerData.trainMs); return { sampleCount: 1 }; },
      test: () => { block(workerData.testMs); return { results: { score: 1 }, sampleCount: 1 }; },
    }),
  });
  await joinFederation(workerData.url, { clients: [{ from: 0, count: 1 }], task, pingEveryMs: 50 });
`;

const workers: Worker[] = [];
afterEach(async () => {
  for (const worker of workers.splice(0)) await worker.terminate();
});

/** A server whose results take long to aggregate, and block its thread. */
const SERVER = `
  import { parentPort, workerData } from 'node:worker_threads';
  import { createServer, defineTask } from ${JSON.stringify(import.meta.resolve('fedloom'))};
  const vector = { dtype: 'float32', shape: [1], data: Float32Array.of(0) };
  const result = { results: { score: 1 }, sampleCount: 1 };
  const task = defineTask({
    name: 'slow',
    trainer: () => ({
      getModelParams: () => ({ w: vector }),
      setModelParams: () => {},
      train: () => ({ sampleCount: 1 }),
      test: () => result,
    }),
    resultAggregator: {
      aggregate: () => {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, workerData.blockedMs);
        return result.results;
      },
    },
  });
  const server = await createServer(task, { clients: 1, clientsPerRound: 1, rounds: 2 });
  parentPort.postMessage(server.url);
  await server.result;
`;

function startThread(script: string, workerData: unknown): Worker {
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`), { workerData });
  workers.push(worker);
  return worker;
}

const vector = { dtype: 'float32' as const, shape: [1], data: Float32Array.of(0) };
const slowTask = (train: Trainer['train']) =>
  defineTask({
    name: 'slow',
    trainer: () => ({
      getModelParams: () => ({ w: vector }),
      setModelParams: () => {},
      train,
      test: () => ({ results: { score: 1 }, sampleCount: 1 }),
    }),
  });
const task = slowTask(() => ({ sampleCount: 1 }));

describe('a client whose thread is blocked longer than silence is borne', () => {
  for (const [what, trainMs, testMs] of [
    ['training', BLOCKED_MS, 0],
    ['testing', 0, BLOCKED_MS],
  ] as const) {
    it(`while ${what}: it is at work, not gone, and its answer counts`, async () => {
      const listen = webSocketListen({ pingEveryMs: 50, deadAfterMs: 600 });
      const server = await createServer(task, { clients: 1, clientsPerRound: 1, rounds: 2, listeners: [listen] });
      const left: string[] = [];
      server.run.on('clientsLeft', ({ reason }) => left.push(reason));
      const worker = startThread(CLIENT, { url: server.url, trainMs, testMs });
      worker.once('error', (error) => left.push(String(error)));
      const startedMs = Date.now();
      const result = await server.result;
      expect(Date.now() - startedMs).toBeGreaterThan(2 * BLOCKED_MS);
      expect(left.filter((reason) => reason !== 'the run is over')).toEqual([]);
      expect(result.clientMetrics).toEqual({ score: 1 });
    });
  }
});

it('a server whose thread is blocked longer than silence is borne is at work too: its clients stay', async () => {
  const worker = startThread(SERVER, { blockedMs: BLOCKED_MS });
  const url = await new Promise<string>((resolve, reject) => worker.once('message', resolve).once('error', reject));
  const retries: string[] = [];
  const startedMs = Date.now();
  const finish = await joinFederation(url, {
    clients: [{ from: 0, count: 1 }],
    task,
    dial: webSocketDial({ pingEveryMs: 50, deadAfterMs: 600 }),
    onEvent: (event) => event.type === 'retrying' && retries.push(event.reason),
  });
  expect(finish?.reason).toBe('completed');
  expect(Date.now() - startedMs).toBeGreaterThan(BLOCKED_MS);
  expect(retries).toEqual([]);
});

describe('behind a proxy that cuts lines on which nothing moved for a while', () => {
  const IDLE_MS = 800;
  const size = { clients: 1, clientsPerRound: 1, rounds: 1, evaluateEvery: 0 };

  const impatientProxy = (url: string) =>
    tcpLine(url, ({ cut }) => {
      let timer = setTimeout(cut, IDLE_MS);
      return (_from, bytes, pass) => {
        clearTimeout(timer);
        timer = setTimeout(cut, IDLE_MS);
        pass(bytes);
      };
    });

  const slow = slowTask(() => sleep(2 * IDLE_MS, { sampleCount: 1 }));

  it('pings that are frequent enough keep the line', async () => {
    const server = await createServer(slow, size);
    const proxy = await impatientProxy(server.url);
    const retries: string[] = [];
    const joining = joinFederation(proxy.url, {
      clients: [{ from: 0, count: 1 }],
      task: slow,
      pingEveryMs: 50,
      onEvent: (event) => event.type === 'retrying' && retries.push(event.reason),
    });
    expect((await server.result).status).toBe('completed');
    await joining;
    expect(retries).toEqual([]);
    proxy.close();
  });

  it('a client that is blocked cannot ping: it loses the line, and dials again', async () => {
    const server = await createServer(task, size);
    const proxy = await impatientProxy(server.url);
    const joined: string[] = [];
    const left: string[] = [];
    const twice = new Promise<void>((resolve) =>
      server.run.on('clientsJoined', ({ session }) => {
        if (joined.push(session) === 2) resolve();
      }),
    );
    server.run.on('clientsLeft', ({ reason }) => left.push(reason));
    startThread(CLIENT, { url: proxy.url, trainMs: BLOCKED_MS, testMs: 0 });
    await twice;
    expect(left).toEqual([expect.stringMatching(/^transport\.lost/)]);
    await server.close();
    proxy.close();
  });
});
