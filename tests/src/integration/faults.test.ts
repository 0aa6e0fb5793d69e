import { createServer as createTcpServer } from 'node:net';
import {
  createServer,
  defineTask,
  fedProx,
  joinFederation,
  type RunOptions,
  scaffold,
  simulate,
  type Tensor,
  type Trainer,
  type TrainerTaskDefinition,
} from 'fedloom';
import { describe, expect, it } from 'vitest';
import { logisticRegression } from './logistic-regression.js';
import { tcpLine } from './tcp-line.js';

describe('a line that breaks', () => {
  const size = { clients: 4, clientsPerRound: 4, rounds: 4, seed: 5, evaluateEvery: 0 };

  for (const [name, marker] of [
    ['before the clients hear that their updates counted', '"type":"settled"'],
    ['before the model comes', '"type":"train"'],
  ] as const) {
    it(`${name}: they come back, and SCAFFOLD ends with the same model`, async () => {
      const task = logisticRegression(scaffold());
      const expected = await simulate(task, { ...size, workers: 1 }).result;
      const server = await createServer(task, { ...size, workers: 1 });
      let cuts = 0;
      const line = await tcpLine(server.url, ({ cut }) => (from, bytes, pass) => {
        if (from === 'client' || cuts > 0 || !bytes.includes(marker)) return pass(bytes);
        cuts += 1;
        cut();
      });
      const client = joinFederation(line.url, { clients: [{ from: 0, count: 4 }], task, workers: 1 });
      const result = await server.result;
      await client;
      line.close();
      expect(cuts).toBe(1);
      expect(result.modelHash).toBe(expected.modelHash);
    });
  }

  it('for good: the client gives up after its limit, also when somebody accepts and closes', async () => {
    const closing = createTcpServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => closing.listen(0, '127.0.0.1', resolve));
    const url = `ws://127.0.0.1:${(closing.address() as { port: number }).port}/`;
    const joining = joinFederation(url, {
      clients: [{ from: 0, count: 1 }],
      task: logisticRegression(),
      retryForMs: 400,
    });
    await expect(joining).rejects.toMatchObject({
      code: 'client.no-server',
      message: expect.stringMatching(/^No server at ws:/),
    });
    closing.close();
  });

  it('for good, after the client took part: it says so', async () => {
    const task = logisticRegression();
    const server = await createServer(task, { clients: 2, clientsPerRound: 2, rounds: 1, workers: 1 });
    const line = await tcpLine(server.url, () => (_from, bytes, pass) => pass(bytes));
    const joining = joinFederation(line.url, {
      clients: [{ from: 0, count: 1 }],
      task,
      workers: 1,
      retryForMs: 400,
      onEvent: ({ type }) => type === 'joined' && line.close(),
    });
    await expect(joining).rejects.toMatchObject({
      code: 'client.no-server',
      message: expect.stringMatching(/^The server at ws:.*, in whose run this client took part, is gone: .* resume it/),
    });
    await server.close();
  });
});

const vector = (value: number): Tensor => ({ dtype: 'float32', shape: [2], data: Float32Array.of(value, value) });
/** A task whose clients do nothing but what a test wants of them. */
function trainerTask(over: Partial<Trainer>, task: Partial<TrainerTaskDefinition> = {}) {
  return defineTask({
    name: 'faulty',
    trainer: ({ index }) => ({
      getModelParams: () => ({ w: vector(index) }),
      setModelParams: () => {},
      train: () => ({ sampleCount: 1 }),
      test: () => ({ results: { score: 1 }, sampleCount: 1 }),
      ...(index >= 0 && over),
    }),
    ...task,
  });
}

function watched(task: ReturnType<typeof trainerTask>, options: Partial<RunOptions> = {}) {
  const run = simulate(task, { clients: 3, clientsPerRound: 2, rounds: 1, ...options });
  const refused: string[] = [];
  const warnings: string[] = [];
  run.on('refused', ({ code }) => refused.push(code));
  run.on('warning', ({ code }) => warnings.push(code));
  return { run, refused, warnings };
}

describe("a user's own code that fails", () => {
  it('in train, however long its message: the client is lost, and when all are, the run fails saying so', async () => {
    const { run, refused } = watched(
      trainerTask({
        train: () => {
          throw new Error('x'.repeat(10_000));
        },
      }),
    );
    await expect(run.result).rejects.toMatchObject({ code: 'round.quorum' });
    expect(refused).toEqual(['client.failed', 'client.failed', 'client.failed']);
  });

  for (const [what, test] of [
    ['no sample count', () => ({ results: {}, sampleCount: Number.NaN })],
    ['a list in place of named results', () => ({ results: [1, 2] as never, sampleCount: 1 })],
  ] as const) {
    it(`in test, giving ${what}: the results of that client are missing`, async () => {
      const { run, refused } = watched(trainerTask({ test }));
      expect((await run.result).status).toBe('completed');
      expect(refused).toEqual(['client.results', 'client.results', 'client.results']);
    });
  }

  it('in test, giving much: long lists of many clients travel in several messages', async () => {
    const score = Array.from({ length: 3000 }, (_, i) => i / 7);
    const { run, refused } = watched(trainerTask({ test: () => ({ results: { score }, sampleCount: 1 }) }), {
      clients: 80,
    });
    expect((await run.result).clientMetrics.score).toHaveLength(3000);
    expect(refused).toEqual([]);
  });

  it('in the aggregator: a warning, and no metrics of an earlier round', async () => {
    const aggregate = (round: number) => {
      if (round === 1) throw new Error('no');
      return { score: 1 };
    };
    const { run, warnings } = watched(
      trainerTask({ test: () => ({ results: { score: 1 }, sampleCount: 1 }) }, { resultAggregator: { aggregate } }),
      { rounds: 2 },
    );
    const { clientMetrics } = await run.result;
    expect(clientMetrics).toEqual({});
    expect(warnings).toEqual(['aggregator.failed']);
  });

  it('in a listener: the run fails with that error instead of hanging', async () => {
    const { run } = watched(trainerTask({}));
    run.on('round', () => {
      throw new Error('my listener');
    });
    await expect(run.result).rejects.toThrow(/my listener/);
  });

  it('in close: the result stands', async () => {
    const { run } = watched(
      trainerTask({
        close: () => {
          throw new Error('no');
        },
      }),
    );
    expect((await run.result).status).toBe('completed');
  });

  it('by never returning: cancelling ends the run within a second all the same', async () => {
    const stop = new AbortController();
    const { run } = watched(trainerTask({ train: () => new Promise(() => {}) }), { signal: stop.signal });
    run.once('roundStarted', () => setTimeout(() => stop.abort(), 50));
    await new Promise((resolve) => run.once('roundStarted', resolve));
    const startedMs = performance.now();
    expect((await run.result).status).toBe('cancelled');
    expect(performance.now() - startedMs).toBeLessThan(1000);
  });
});

it('a client whose task says another algorithm is refused: never silently FedAvg', async () => {
  const applying = trainerTask(
    {},
    {
      algorithm: fedProx({ mu: 0.1 }),
      trainer: () => ({
        getModelParams: () => ({ w: vector(0) }),
        setModelParams: () => {},
        train: () => ({ sampleCount: 1 }),
        test: () => ({ results: {}, sampleCount: 0 }),
        appliesTerms: ['fedProx'],
      }),
    },
  );
  const server = await createServer(applying, { clients: 1, clientsPerRound: 1, rounds: 1 });
  const joining = joinFederation(server.url, { clients: [{ from: 0, count: 1 }], task: trainerTask({}) });
  await expect(joining).rejects.toMatchObject({ code: 'client.other-algorithm' });
  await server.close();
});
