import { batchNorm, dense, relu, sequential, sgd, softmaxCrossEntropy } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import type { FederatedAlgorithm } from '../algorithms/algorithm.js';
import { fedAsync } from '../algorithms/fed-async.js';
import { fedAvg } from '../algorithms/fed-avg.js';
import { qFedAvg } from '../algorithms/q-fed-avg.js';
import { krum } from '../algorithms/robust.js';
import { scaffold } from '../algorithms/scaffold.js';

import { RemoteHost } from '../compute/node/remote/remote-host.js';
import { remotePool } from '../compute/node/remote/remote-pool.js';
import { hostWorkers } from '../compute/node/remote/worker-host.js';
import { threadPool } from '../compute/node/thread-pool.js';
import { RandomStream } from '../core/random.js';
import { arrays } from '../data/arrays.js';
import type { Connection } from '../protocol/transport.js';
import { defineTask } from '../task/define-task.js';
import { memoryTransport } from '../transport/memory/memory-transport.js';
import { topK } from '../update/stages/top-k.js';
import { simulate } from './simulate.js';

const SIZE = { clients: 12, clientsPerRound: 8, rounds: 3 };

function taskOf(
  algorithm: FederatedAlgorithm = fedAvg(),
  learningRate = 0.1,
  layers: Parameters<typeof sequential>[0] = [dense(8), relu(), dense(2)],
) {
  const random = RandomStream.of(3, 'partial sums');
  const x = Array.from({ length: 240 }, () => [random.normal(), random.normal(), random.normal()]);
  const y = x.map(([a = 0, b = 0]) => (a > b ? 1 : 0));
  return defineTask({
    name: 'sums',
    data: arrays({ train: { x, y }, test: { x: x.slice(0, 60), y: y.slice(0, 60) }, classes: 2 }),
    model: sequential(layers),
    loss: softmaxCrossEntropy(),
    training: { localEpochs: 1, batchSize: 5, optimizer: sgd({ learningRate }) },
    algorithm,
  });
}

interface Hosts {
  readonly pool: () => ReturnType<typeof remotePool>;
  readonly lines: readonly Connection[];
  /** Bytes that came from them. */
  readonly bytes: () => number;
  close(): void;
}

/** Two hosts, which are sent what another process would be; and a worker here. */
async function openHosts(): Promise<Hosts> {
  const transport = memoryTransport();
  let bytes = 0;
  const listener = transport.listen((connection) => {
    const send = connection.send.bind(connection);
    const counted: Connection = Object.create(connection, {
      send: {
        value: (frame: Uint8Array) => {
          bytes += frame.length;
          return send(frame);
        },
      },
      bind: { value: connection.bind.bind(connection) },
      close: { value: connection.close.bind(connection) },
      peer: { value: connection.peer },
    });
    void hostWorkers(counted, { workers: 1 });
  });
  const lines = [await transport.dial(listener.url), await transport.dial(listener.url)];
  const hosts = await Promise.all(lines.map((line) => RemoteHost.open(line)));
  return {
    pool: () => remotePool(hosts, { local: 1 }),
    lines,
    bytes: () => bytes,
    close: () => {
      for (const host of hosts) host.close();
    },
  };
}

async function runOn(hosts: Hosts, algorithm: FederatedAlgorithm | undefined, partialSums: boolean) {
  const { modelHash, metrics } = await simulate(taskOf(algorithm), { ...SIZE, pool: hosts.pool, partialSums }).result;
  return { modelHash, metrics };
}

describe('partial sums where updates are trained', () => {
  it.each([
    ['the mean', fedAvg()],
    ['uploads and private states', scaffold()],
  ])('make the model that whole updates make, to the bit: %s', async (_what, algorithm) => {
    const hosts = await openHosts();
    try {
      const whole = await runOn(hosts, algorithm, false);
      const summed = await runOn(hosts, algorithm, true);
      const threads = await simulate(taskOf(algorithm), { ...SIZE, workers: 2 }).result;
      expect(summed).toEqual(whole);
      expect(summed.modelHash).toBe(threads.modelHash);
    } finally {
      hosts.close();
    }
  });

  it('leave the hosts to runs without them, also at the same time', async () => {
    const hosts = await openHosts();
    try {
      const plain = simulate(taskOf(), { ...SIZE, workers: 2 }).result;
      const summed = await runOn(hosts, undefined, true);
      const whole = await runOn(hosts, undefined, false);
      const both = await Promise.all([true, false, true].map((sums) => runOn(hosts, undefined, sums)));
      expect([summed, whole, ...both].map(({ modelHash }) => modelHash)).toEqual(
        Array.from({ length: 5 }, () => summed.modelHash),
      );
      expect(summed.modelHash).toBe((await plain).modelHash);
    } finally {
      hosts.close();
    }
  });

  it.each<[string, Parity]>([
    ['an outlier that voids a round', { options: { updateNormMax: 1e-6 } }],
    ['a bound on norms that some exceed', { options: { updateNormMax: 0.15, quarantineAfter: 1 } }],
    ['an algorithm that needs norms', { algorithm: qFedAvg({ q: 1 }) }],
    ['buffers', { model: [dense(8), batchNorm(), relu(), dense(2)] }],
  ])('make what whole updates make, with refusals and metrics: %s', async (_what, { algorithm, model, options }) => {
    const hosts = await openHosts();
    const told = async (partialSums: boolean) => {
      const run = simulate(taskOf(algorithm, 0.1, model), { ...SIZE, ...options, pool: hosts.pool, partialSums });
      const refused: unknown[] = [];
      run.on('refused', ({ client, round, code, message }) => refused.push([round, client, code, message].join(' ')));
      const end = await run.result.then(
        ({ modelHash, metrics }) => ({ modelHash, metrics }),
        ({ code, message }) => ({ code, message }),
      );
      return { end, refused: refused.sort() };
    };
    try {
      expect(await told(true)).toEqual(await told(false));
    } finally {
      hosts.close();
    }
  });

  it('refuse updates for what they hold as the server does', async () => {
    const hosts = await openHosts();
    const refusalsOf = async (partialSums: boolean) => {
      const run = simulate(taskOf(fedAvg(), 1e30), { ...SIZE, pool: hosts.pool, partialSums });
      const refused: unknown[] = [];
      run.on('refused', ({ client, round, code, message }) => refused.push({ client, round, code, message }));
      await run.result.catch(() => {});
      return refused.sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
    };
    try {
      const whole = await refusalsOf(false);
      expect(whole).toContainEqual(expect.objectContaining({ code: 'update.not-finite' }));
      expect(await refusalsOf(true)).toEqual(whole);
    } finally {
      hosts.close();
    }
  });

  it.each([
    ['krum', { algorithm: krum({ f: 1 }) }, 'the fold krum needs each by itself'],
    ['fedAsync', { algorithm: fedAsync() }, 'fedAsync trains without rounds'],
    ['topK', { stages: [topK({ fraction: 0.5 })] }, 'the stage topK changes each'],
  ])('are refused by name for %s', async (_name, { algorithm, stages = [] }: Unfit, why) => {
    const hosts = await openHosts();
    const options = { ...SIZE, stages, pool: hosts.pool, partialSums: true };
    await expect(simulate(taskOf(algorithm), options).result).rejects.toMatchObject({
      code: 'fold.partial-sums',
      message: expect.stringContaining(why),
    });
    hosts.close();
  });

  it('are refused where all workers are under one process', async () => {
    const options = { ...SIZE, pool: threadPool, partialSums: true };
    await expect(simulate(taskOf(), options).result).rejects.toMatchObject({ code: 'fold.partial-sums' });
  });
});

interface Unfit {
  readonly algorithm?: FederatedAlgorithm;
  readonly stages?: Parameters<typeof simulate>[1]['stages'];
}

interface Parity {
  readonly algorithm?: FederatedAlgorithm;
  readonly model?: Parameters<typeof sequential>[0];
  readonly options?: Partial<Parameters<typeof simulate>[1]>;
}
