/** Layers with buffers and random numbers, from the task to the model. */
import {
  accuracy,
  adam,
  arrays,
  batchNorm,
  createServer,
  defineTask,
  dense,
  dropout,
  type FederatedAlgorithm,
  fedAvg,
  fedBn,
  joinFederation,
  RandomStream,
  relu,
  sequential,
  sgd,
  simulate,
  softmaxCrossEntropy,
} from 'fedloom';
import { describe, expect, it } from 'vitest';
import { inOrder } from './in-order.js';

const CLIENTS = 4;
const FEATURES = 5;
const CLASSES = 3;
const size = { clients: CLIENTS, clientsPerRound: 3, rounds: 6, seed: 3 };

/** Every client measures in units of its own: feature shift, as FedBN has it. */
function ownUnits(algorithm: FederatedAlgorithm, shift: number, optimizer = sgd({ learningRate: 0.1 })) {
  const random = RandomStream.of(21, 'batch-norm-test');
  const centres = Array.from({ length: CLASSES * FEATURES }, () => 2 * random.normal());
  const draw = (count: number) => {
    const x: number[][] = [];
    const y: number[] = [];
    for (let i = 0; i < count * CLIENTS; i += 1) {
      const [client, kind] = [Math.floor(i / count), random.integer(CLASSES)];
      const unit = 1 + shift * client;
      x.push(
        Array.from(
          { length: FEATURES },
          (_, f) =>
            unit * ((centres[kind * FEATURES + f] ?? 0) + random.normal()) + 3 * shift * client * (-1) ** (client + f),
        ),
      );
      y.push(kind);
    }
    return { x, y };
  };
  return defineTask({
    name: 'own-units',
    data: arrays({ name: 'own-units', train: draw(101), test: draw(40), classes: CLASSES }),
    partition: inOrder,
    model: sequential([batchNorm(), dense(12), batchNorm(), relu(), dropout(0.2), dense(CLASSES)]),
    loss: softmaxCrossEntropy(),
    metrics: [accuracy()],
    training: { localEpochs: 2, batchSize: 10, optimizer },
    algorithm,
  });
}

describe('batch norm and dropout', () => {
  it('with Adam: the same to the bit with 1 and 2 workers, and over WebSocket; statistics travel', async () => {
    const task = ownUnits(fedAvg(), 0, adam({ learningRate: 0.01 }));
    const one = await simulate(task, { ...size, workers: 1 }).result;
    const two = await simulate(task, { ...size, workers: 2 }).result;
    const server = await createServer(task, size);
    const join = (from: number, count: number) =>
      joinFederation(server.url, { clients: [{ from, count }], task, workers: 1 });
    const joined = [join(0, 1), join(1, 3)];
    const sockets = await server.result;
    await Promise.all(joined);
    expect([two.modelHash, sockets.modelHash]).toEqual([one.modelHash, one.modelHash]);
    expect(one.metrics.accuracy).toBeGreaterThan(0.8);
    const valuesOf = (name: string) => Array.from(one.model.get(name)?.data ?? new Float32Array(), Number);
    // After 6 rounds of 22 steps with momentum 0.1 little is left of the start.
    expect(Math.max(...valuesOf('0.running_mean').map(Math.abs))).toBeGreaterThan(0.1);
    expect(Math.min(...valuesOf('0.running_var'))).toBeGreaterThan(1.2);
  });

  it('another seed drops others', async () => {
    const task = ownUnits(fedAvg(), 0);
    const hashes = [3, 4].map(async (seed) => (await simulate(task, { ...size, rounds: 1, seed }).result).modelHash);
    expect(new Set(await Promise.all(hashes)).size).toBe(2);
  });
});

describe('fedBn', () => {
  it('bears clients whose features differ, where common norms do not', async () => {
    const own = await simulate(ownUnits(fedBn(), 4), { ...size, rounds: 12 }).result;
    const common = await simulate(ownUnits(fedAvg(), 4), { ...size, rounds: 12 }).result;
    expect(own.clientMetrics.accuracy).toBeGreaterThan((common.clientMetrics.accuracy ?? 1) + 0.1);
    expect([...own.model.keys()]).toEqual(['1.bias', '1.weight', '5.bias', '5.weight']);
  });
});
