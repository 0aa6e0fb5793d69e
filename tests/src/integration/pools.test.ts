import {
  accuracy,
  createServer,
  defineTask,
  dense,
  type FederatedAlgorithm,
  fedAvg,
  fedPer,
  type JobPool,
  joinFederation,
  type PoolChoice,
  processPool,
  relu,
  scaffold,
  sequential,
  sgd,
  simulate,
  softmaxCrossEntropy,
  threadPool,
} from 'fedloom';
import { describe, expect, it } from 'vitest';
import { clouds } from './logistic-regression.js';

const size = { clients: 12, clientsPerRound: 5, rounds: 4, seed: 3, evaluateEvery: 2 };

function perceptron(algorithm: FederatedAlgorithm) {
  return defineTask({
    name: 'clouds',
    data: clouds(),
    model: sequential([dense(8), relu(), dense(3)]),
    loss: softmaxCrossEntropy(),
    metrics: [accuracy()],
    training: { localEpochs: 2, batchSize: 8, optimizer: sgd({ learningRate: 0.1 }) },
    algorithm,
  });
}

/** The same federation over sockets: its server evaluates, and its clients train, on pools of this kind. */
async function overWebSocket(algorithm: FederatedAlgorithm, pool: PoolChoice) {
  const task = perceptron(algorithm);
  const server = await createServer(task, { ...size, workers: 1, pool });
  const join = (from: number, count: number) =>
    joinFederation(server.url, { clients: [{ from, count }], task, workers: 1, pool });
  const clients = [join(7, 5), join(0, 7)];
  const result = await server.result;
  await Promise.all(clients);
  return result;
}

describe('what trains does not show in the model', () => {
  it.each([fedAvg(), scaffold(), fedPer()])('of $name', async (algorithm) => {
    const threads = await simulate(perceptron(algorithm), { ...size, workers: 2, pool: 'threads' }).result;
    const others = [
      await simulate(perceptron(algorithm), { ...size, workers: 1, pool: 'processes' }).result,
      await simulate(perceptron(algorithm), { ...size, workers: 3, pool: 'processes' }).result,
      await overWebSocket(algorithm, 'processes'),
    ];
    for (const other of others) {
      expect(other.modelHash).toBe(threads.modelHash);
      expect(other.metrics).toEqual(threads.metrics);
      expect(other.clientMetrics).toEqual(threads.clientMetrics);
    }
    expect(threads.clientMetrics.accuracy).toBeGreaterThan(0.8);
  });
});

it('a pool of your own does the work, and is closed with the run', async () => {
  // Each half of the clients on workers of another kind.
  const told: string[] = [];
  const halves = (workers: number): JobPool => {
    const [even, odd] = [threadPool(workers), processPool(workers)];
    const both = [even, odd];
    return {
      get appetite() {
        return even.appetite + odd.appetite;
      },
      load: async (plan) => void (await Promise.all(both.map((pool) => pool.load(plan)))),
      train: (job, signal) => (job.client % 2 === 0 ? even : odd).train(job, signal),
      evaluate: (job, signal) => even.evaluate(job, signal),
      close: async () => {
        told.push('closed');
        await Promise.all(both.map((pool) => pool.close()));
      },
    };
  };
  const mixed = await simulate(perceptron(fedAvg()), { ...size, workers: 1, pool: halves }).result;
  const plain = await simulate(perceptron(fedAvg()), size).result;
  expect(mixed.modelHash).toBe(plain.modelHash);
  expect(told.length).toBeGreaterThan(0);
});

it('a pool that there is not is refused at once', async () => {
  const options = { ...size, pool: 'ranks' as PoolChoice };
  expect(() => simulate(perceptron(fedAvg()), options)).toThrow(expect.objectContaining({ code: 'compute.pool' }));
  await expect(createServer(perceptron(fedAvg()), options)).rejects.toMatchObject({ code: 'compute.pool' });
  const joined = joinFederation('ws://127.0.0.1:9', {
    clients: [{ from: 0, count: 1 }],
    task: perceptron(fedAvg()),
    pool: options.pool,
  });
  await expect(joined).rejects.toMatchObject({ code: 'compute.pool' });
});
