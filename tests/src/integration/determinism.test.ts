import { createServer, fedAdam, fedAvg, fedProx, joinFederation, scaffold, simulate } from 'fedloom';
import { describe, expect, it } from 'vitest';
import { logisticRegression } from './logistic-regression.js';

const size = { clients: 12, clientsPerRound: 5, rounds: 4, seed: 3, evaluateEvery: 2 };
const algorithms = [fedAvg(), fedProx({ mu: 0.1 }), fedAdam({ serverLearningRate: 0.05 }), scaffold()];

/** The same federation as real clients over real sockets, two connections that share the clients. */
async function overWebSocket(task: ReturnType<typeof logisticRegression>) {
  const server = await createServer(task, { ...size, workers: 1 });
  const join = (from: number, count: number) =>
    joinFederation(server.url, { clients: [{ from, count }], task, workers: 1 });
  // The later clients first: the order of joining must not matter.
  const clients = [join(7, 5), join(0, 7)];
  const result = await server.result;
  expect((await Promise.all(clients)).map((finish) => finish?.reason)).toEqual(['completed', 'completed']);
  return result;
}

describe('one seed gives one model, to the bit', () => {
  for (const algorithm of algorithms) {
    it(`${algorithm.name}: with 1 and 2 workers, again, and over WebSocket`, async () => {
      const task = logisticRegression(algorithm);
      const one = await simulate(task, { ...size, workers: 1 }).result;
      const two = await simulate(task, { ...size, workers: 2 }).result;
      const again = await simulate(task, { ...size, workers: 2 }).result;
      const sockets = await overWebSocket(task);
      for (const other of [two, again, sockets]) {
        expect(other.modelHash).toBe(one.modelHash);
        expect(other.metrics).toEqual(one.metrics);
        expect(other.clientMetrics).toEqual(one.clientMetrics);
      }
      expect(one.metrics.accuracy).toBeGreaterThan(0.8);
    });
  }

  it('another seed gives another model', async () => {
    const task = logisticRegression();
    const hash = async (seed: number) => (await simulate(task, { ...size, seed, workers: 2 }).result).modelHash;
    expect(await hash(3)).not.toBe(await hash(4));
  });
});
