import {
  accuracy,
  clip,
  createServer,
  defineStage,
  defineTask,
  dense,
  type FederatedAlgorithm,
  fedAvg,
  fedNova,
  fedProx,
  joinFederation,
  krum,
  qFedAvg,
  scaffold,
  sequential,
  sgd,
  simulate,
  softmaxCrossEntropy,
  type Tensor,
  topK,
} from 'fedloom';
import { describe, expect, it } from 'vitest';
import { clouds, logisticRegression } from './logistic-regression.js';

const bits = ({ data }: Tensor) => [...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)];

describe('a federation of trainers that train nothing', () => {
  const start = (): Map<string, Tensor> =>
    new Map<string, Tensor>([
      ['f32', { dtype: 'float32', shape: [4], data: Float32Array.of(-0, 1e-45, 3e38, 0.1) }],
      ['f64', { dtype: 'float64', shape: [3], data: Float64Array.of(-0, 5e-324, Math.PI) }],
      ['i64', { dtype: 'int64', shape: [], data: BigInt64Array.of(2n ** 28n + 1n) }],
      ['u8', { dtype: 'uint8', shape: [2], data: Uint8Array.of(0, 255) }],
    ]);

  it('leaves every bit of the model as it was, whatever the sample counts', async () => {
    const counts = [1, 7, 1_000_000, 70_000];
    const task = defineTask({
      name: 'identity',
      trainer: ({ index }) => {
        let params = start();
        return {
          getModelParams: () => params,
          setModelParams: (given) => {
            params = new Map(given);
          },
          train: () => ({ sampleCount: counts[index] ?? 1 }),
          test: () => ({ results: {}, sampleCount: 0 }),
        };
      },
    });
    const { model } = await simulate(task, { clients: 4, clientsPerRound: 3, rounds: 3 }).result;
    for (const [name, tensor] of start()) expect(bits(model.get(name) as Tensor)).toEqual(bits(tensor));
  });

  it('takes large values and counts: a variance of 1e6 with 70,000 samples, weights of 70 with 1e9', async () => {
    const values: readonly (readonly [number, number])[] = [
      [1e6, 70_000],
      [70, 1e9],
      [1e-30, 3],
    ];
    for (const [value, sampleCount] of values) {
      const task = defineTask({
        name: 'large',
        trainer: ({ index }) => ({
          getModelParams: () => ({ w: Float64Array.of(index < 0 ? 0 : value * (index + 1)) }),
          setModelParams: () => {},
          train: () => ({ sampleCount }),
          test: () => ({ results: {}, sampleCount: 0 }),
        }),
      });
      const { model } = await simulate(task, { clients: 3, clientsPerRound: 3, rounds: 1 }).result;
      expect((model.get('w') as Tensor).data[0]).toBe(2 * value);
    }
  });
});

describe('algorithms with facts and folds of their own', () => {
  const size = { clients: 12, clientsPerRound: 5, rounds: 4, seed: 3, evaluateEvery: 2 };
  const algorithms: readonly FederatedAlgorithm[] = [fedNova(), qFedAvg({ q: 1 }), krum({ f: 1 })];
  for (const algorithm of algorithms) {
    it(`${algorithm.name}: with 1 and 2 workers, and over WebSocket, to the bit`, async () => {
      const task = logisticRegression(algorithm);
      const one = await simulate(task, { ...size, workers: 1 }).result;
      const two = await simulate(task, { ...size, workers: 2 }).result;
      const server = await createServer(task, { ...size, workers: 1 });
      const clients = [joinFederation(server.url, { clients: [{ from: 0, count: 12 }], task, workers: 1 })];
      const sockets = await server.result;
      await Promise.all(clients);
      expect([two.modelHash, sockets.modelHash]).toEqual([one.modelHash, one.modelHash]);
      expect(one.metrics.accuracy).toBeGreaterThan(0.7);
    });
  }

  it('Krum with too few clients a round is refused at the start, with the arithmetic', async () => {
    const run = simulate(logisticRegression(krum({ f: 2 })), size);
    await expect(run.result).rejects.toMatchObject({
      code: 'fold.too-few',
      message: expect.stringMatching(/2 ?f ?\+ ?2/),
    });
  });

  it('a cohort that does not fit the memory limit is refused at the start, with the arithmetic', async () => {
    const run = simulate(logisticRegression(krum({ f: 1 })), { ...size, memoryBytesMax: 500 });
    await expect(run.result).rejects.toMatchObject({
      code: 'fold.memory',
      message: expect.stringMatching(/5 updates of/),
    });
  });

  it('an update that lacks a fact costs its client, by name', async () => {
    const task = defineTask({
      name: 'facts',
      algorithm: qFedAvg({ q: 1 }),
      trainer: ({ index }) => ({
        getModelParams: () => ({ w: [0] }),
        setModelParams: () => {},
        train: () => ({ sampleCount: 1, ...(index === 0 && { facts: { initialLoss: 2 } }) }),
        test: () => ({ results: {}, sampleCount: 0 }),
      }),
    });
    const run = simulate(task, { clients: 2, clientsPerRound: 2, rounds: 1 });
    const refused: string[] = [];
    run.on('refused', ({ client, code }) => refused.push(`${client} ${code}`));
    const rounds = [];
    for await (const round of run) rounds.push(round.counted);
    expect(rounds).toEqual([[0]]);
    expect(refused).toEqual(['1 update.fact']);
  });
});

describe('scalars that change from round to round', () => {
  const size = { clients: 6, clientsPerRound: 6, rounds: 3, seed: 1, workers: 1 };
  const task = (learningRate: number | ((round: number) => number), mu: number | ((round: number) => number)) =>
    defineTask({
      name: 'clouds',
      data: clouds(),
      model: sequential([dense(3)]),
      loss: softmaxCrossEntropy(),
      metrics: [accuracy()],
      training: { localEpochs: 2, batchSize: 8, optimizer: sgd({ learningRate }) },
      algorithm: fedProx({ mu }),
    });

  it('give the model of runs of one round each, with that round’s numbers, one after the other', async () => {
    const rates = [0.2, 0.1, 0.05];
    const mus = [0, 0.5, 2];
    const at = (list: readonly number[]) => (round: number) => list[round] ?? Number.NaN;
    const whole = await simulate(task(at(rates), at(mus)), size).result;
    // By hand: every round as a run of its own that starts from the last one's model; a sampler cannot matter, since all
    // take part, but the batches follow from the round, so it is asked for by its number.
    let model = (await simulate(task(0, 0), { ...size, rounds: 1 }).result).model;
    for (const [round, rate] of rates.entries()) {
      const only = (list: readonly number[]) => (now: number) => (now === round ? (list[round] ?? 0) : 0);
      const still = { ...size, rounds: round + 1, initialModel: model };
      model = (await simulate(task(only(rates), only(mus)), still).result).model;
      expect(rate).toBeGreaterThan(0);
    }
    for (const [name, tensor] of whole.model) expect(bits(model.get(name) as Tensor)).toEqual(bits(tensor));
  });
});

describe('stages', () => {
  const size = { clients: 8, clientsPerRound: 4, rounds: 6, seed: 2, evaluateEvery: 0 };

  it('topK sends as much less as its fraction says, and still learns; equal over workers and sockets', async () => {
    const wide = () => logisticRegression(fedAvg(), clouds());
    const bytesUp = async (stages: readonly ReturnType<typeof topK>[]) => {
      let bytes = 0;
      const run = simulate(wide(), { ...size, stages, workers: 1 });
      run.on('round', (round) => {
        bytes += round.bytesUp;
      });
      return { result: await run.result, bytes };
    };
    const sparse = await bytesUp([topK({ fraction: 0.3 })]);
    expect(sparse.result.metrics.accuracy).toBeGreaterThan(0.8);
    const again = await simulate(wide(), { ...size, stages: [topK({ fraction: 0.3 })], workers: 2 }).result;
    const server = await createServer(wide(), { ...size, stages: [topK({ fraction: 0.3 })] });
    const joined = joinFederation(server.url, { clients: [{ from: 0, count: 8 }], task: wide() });
    expect([again.modelHash, (await server.result).modelHash]).toEqual([
      sparse.result.modelHash,
      sparse.result.modelHash,
    ]);
    await joined;
    const plain = await simulate(wide(), { ...size, workers: 1 }).result;
    expect(plain.modelHash).not.toBe(sparse.result.modelHash);
  });

  it('topK of everything is no stage at all, to the bit', async () => {
    const task = logisticRegression(scaffold());
    const all = await simulate(task, { ...size, stages: [topK({ fraction: 1 })] }).result;
    expect(all.modelHash).toBe((await simulate(task, size).result).modelHash);
  });

  it('clip holds the model near its start', async () => {
    const task = logisticRegression();
    const moved = async (stages: readonly ReturnType<typeof clip>[]) => {
      const started = await simulate(defineTask({ ...definition(task), training: still(task) }), { ...size, rounds: 1 })
        .result;
      const { model } = await simulate(task, { ...size, rounds: 1, stages }).result;
      let sum = 0;
      for (const [name, { data }] of model) {
        const from = (started.model.get(name) as Tensor).data;
        for (const [i, value] of data.entries()) sum += (Number(value) - Number(from[i])) ** 2;
      }
      return Math.sqrt(sum);
    };
    expect(await moved([clip({ norm: 0.01 })])).toBeLessThanOrEqual(0.01 * (1 + 1e-5));
    expect(await moved([])).toBeGreaterThan(0.02);
  });

  it('a client that lacks one refuses at the start, by name', async () => {
    const own = defineStage({ name: 'acme/double', options: { factor: 2 }, client: (tensors) => ({ tensors }) });
    const task = logisticRegression();
    const server = await createServer(task, { ...size, stages: [own] });
    const joining = joinFederation(server.url, { clients: [{ from: 0, count: 8 }], task });
    await expect(joining).rejects.toMatchObject({
      code: 'stage.unknown',
      message: expect.stringMatching(/acme\/double/),
    });
    await server.close();
  });

  it('one of somebody’s own may be async on both sides', async () => {
    const later = <T>(value: T) => new Promise<T>((resolve) => setTimeout(() => resolve(value), 1));
    const own = defineStage({
      name: 'acme/later',
      options: {},
      client: (tensors) => later({ tensors }),
      server: (payload) => later(payload),
    });
    const task = logisticRegression();
    const slow = await simulate(task, { ...size, stages: [own] }).result;
    expect(slow.modelHash).toBe((await simulate(task, size).result).modelHash);
  });
});

function definition({ kind: _kind, ...rest }: ReturnType<typeof logisticRegression>) {
  return rest;
}

function still(task: ReturnType<typeof logisticRegression>) {
  return { ...task.training, optimizer: sgd({ learningRate: 0 }) };
}
