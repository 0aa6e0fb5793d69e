import {
  accuracy,
  arrays,
  createServer,
  defineTask,
  dense,
  type FederatedAlgorithm,
  fedAvg,
  fedPer,
  fedProx,
  joinFederation,
  RandomStream,
  relu,
  sequential,
  sgd,
  simulate,
  softmaxCrossEntropy,
  type Tensor,
} from 'fedloom';
import { describe, expect, it } from 'vitest';
import { inOrder } from './in-order.js';
import { listening } from './listening.js';

const FEATURES = 6;
const CLASSES = 4;
const CLIENTS = 4;
const size = { clients: CLIENTS, clientsPerRound: 3, rounds: 8, seed: 5 };

/** Every client names the classes in its own way: one head cannot serve all. */
function ownNames(algorithm: FederatedAlgorithm = fedPer()) {
  const random = RandomStream.of(11, 'private-test');
  const centres = Array.from({ length: CLASSES * FEATURES }, () => 2 * random.normal());
  const draw = (count: number) => {
    const x: number[][] = [];
    const y: number[] = [];
    for (let i = 0; i < count * CLIENTS; i += 1) {
      const [client, kind] = [Math.floor(i / count), random.integer(CLASSES)];
      x.push(Array.from({ length: FEATURES }, (_, f) => (centres[kind * FEATURES + f] ?? 0) + random.normal()));
      y.push((kind + client) % CLASSES);
    }
    return { x, y };
  };
  return defineTask({
    name: 'own-names',
    data: arrays({ name: 'own-names', train: draw(120), test: draw(40), classes: CLASSES }),
    partition: inOrder,
    model: sequential([dense(12), relu(), dense(CLASSES)]),
    loss: softmaxCrossEntropy(),
    metrics: [accuracy()],
    training: { localEpochs: 2, batchSize: 10, optimizer: sgd({ learningRate: 0.1 }) },
    algorithm,
  });
}

describe('fedPer', () => {
  it('gives every client its own head on a common base: personal results beside the global ones', async () => {
    const personal = await simulate(ownNames(), size).result;
    const common = await simulate(ownNames(fedAvg()), size).result;
    expect(personal.clientMetrics.accuracy).toBeGreaterThan(0.85);
    expect(common.clientMetrics.accuracy).toBeLessThan(0.6);
    // The server sees the base under the head that everybody started from.
    expect(personal.metrics.accuracy).toBeLessThan(0.6);
    expect([...personal.model.keys()]).toEqual(['0.bias', '0.weight']);
  });

  it('is the same to the bit with 1 and 2 workers, and over WebSocket', async () => {
    const one = await simulate(ownNames(), { ...size, workers: 1 }).result;
    const two = await simulate(ownNames(), { ...size, workers: 2 }).result;
    const server = await createServer(ownNames(), size);
    const join = (from: number, count: number) =>
      joinFederation(server.url, { clients: [{ from, count }], task: ownNames(), workers: 1 });
    const joined = [join(0, 1), join(1, 3)];
    const sockets = await server.result;
    await Promise.all(joined);
    for (const other of [two, sockets]) {
      expect(other.modelHash).toBe(one.modelHash);
      expect(other.clientMetrics).toEqual(one.clientMetrics);
    }
  });

  it('sends nothing of the heads: neither names nor values are in what clients send', async () => {
    const server = await createServer(ownNames(), { ...size, rounds: 2 });
    const between = await listening(server.url);
    const joined = joinFederation(between.url, { clients: [{ from: 0, count: CLIENTS }], task: ownNames() });
    await server.result;
    await joined;
    between.close();
    const sent = between.frames.filter(({ from }) => from === 'client').map(({ data }) => data.toString('latin1'));
    expect(sent.join().includes('"0.weight"')).toBe(true);
    expect(sent.join().includes('2.weight')).toBe(false);
    const updates = between.frames.filter(({ from, data }) => from === 'client' && data[0] === 3);
    // Base: 12 * 6 + 12 floats; with the head of 4 * 12 + 4 they would be 208 bytes longer.
    for (const { data } of updates) expect(data.length).toBeLessThan(84 * 4 + 200 + 400);
    expect(updates.length).toBeGreaterThan(0);
    // The start values come with the plan, which the client asked for; models do not hold them.
    const models = between.frames.filter(({ from, data }) => from === 'server' && data.includes('"type":"model"'));
    expect(models.length).toBeGreaterThan(1);
    for (const { data } of models) expect(data.includes('2.weight')).toBe(false);
  });

  it('refuses to keep every layer, and to stand beside terms for all parameters', async () => {
    const all = simulate(ownNames(fedPer({ layers: 2 })), size);
    await expect(all.result).rejects.toMatchObject({ code: 'algorithm.option' });
    const both = { ...fedProx({ mu: 1 }), client: { ...fedProx({ mu: 1 }).client, ...fedPer().client } };
    await expect(simulate(ownNames(both), size).result).rejects.toMatchObject({ code: 'plan.terms' });
  });

  it('an algorithm that keeps a layer learns the start of the others as FedAvg does: the seed alone decides', async () => {
    const still = (algorithm: FederatedAlgorithm) => {
      const { kind: _kind, ...task } = ownNames(algorithm);
      return defineTask({ ...task, training: { ...task.training, optimizer: sgd({ learningRate: 0 }) } });
    };
    const personal = await simulate(still(fedPer()), { ...size, rounds: 1 }).result;
    const common = await simulate(still(fedAvg()), { ...size, rounds: 1 }).result;
    for (const [name, { data }] of personal.model) expect(data).toEqual((common.model.get(name) as Tensor).data);
    // And so do the heads: who has not trained yet evaluates as everybody does.
    expect(personal.clientMetrics).toEqual(common.clientMetrics);
  });
});
