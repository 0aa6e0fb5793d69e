import {
  createServer,
  defineStage,
  defineTask,
  type FederatedAlgorithm,
  fedBuff,
  joinFederation,
  type RoundRecord,
  type RunOptions,
  scaffold,
  simulate,
} from 'fedloom';
import { describe, expect, it } from 'vitest';
import { clouds, logisticRegression } from './logistic-regression.js';

/** Its server update spoils the model in these rounds. */
function spoilt(rounds: readonly number[]): FederatedAlgorithm {
  const algorithm = scaffold();
  const { server } = algorithm;
  return {
    ...algorithm,
    server: {
      ...server,
      update(input) {
        const next = server.update(input);
        if (!rounds.includes(input.round)) return next;
        const [[name, tensor] = []] = next.model;
        if (name === undefined || tensor === undefined) return next;
        const data = Float32Array.from(tensor.data as Float32Array).fill(Number.POSITIVE_INFINITY);
        return { ...next, model: new Map([...next.model, [name, { ...tensor, data }]]) };
      },
    },
  };
}

/** One sample each, so that what a client computes does not depend on the round's order of samples. */
const taskOf = (algorithm: FederatedAlgorithm) => {
  const { kind: _, ...definition } = logisticRegression(algorithm, clouds(6, 6));
  return defineTask({ ...definition, training: { ...definition.training, batchSize: 1 } });
};

const size = { clients: 6, clientsPerRound: 6, seed: 5, workers: 1 };

async function recordsOf(algorithm: FederatedAlgorithm, options: Pick<RunOptions, 'rounds'>) {
  const run = simulate(taskOf(algorithm), { ...size, ...options });
  const records: RoundRecord[] = [];
  run.on('round', (record) => records.push(record));
  return { result: await run.result, records };
}

describe('a void round', () => {
  it('leaves no trace in model, server state or private state: SCAFFOLD ends as without it, simulated and over WebSocket', async () => {
    const without = await recordsOf(spoilt([]), { rounds: 3 });
    const { result, records } = await recordsOf(spoilt([1]), { rounds: 4 });
    expect(records.map(({ counted, voided }) => [counted.length, voided?.code ?? null])).toEqual([
      [6, null],
      [0, 'model.not-finite'],
      [6, null],
      [6, null],
    ]);
    expect(records.map(({ version }) => version.number)).toEqual([1, 2, 3, 4]);
    expect(records[1]?.version.hash).toBe(records[0]?.version.hash);
    expect(result.modelHash).toBe(without.result.modelHash);
    const server = await createServer(taskOf(spoilt([1])), { ...size, rounds: 4 });
    const join = (from: number, count: number) =>
      joinFederation(server.url, { clients: [{ from, count }], task: taskOf(spoilt([1])), workers: 1 });
    const joined = [join(0, 2), join(2, 4)];
    expect((await server.result).modelHash).toBe(without.result.modelHash);
    await Promise.all(joined);
  });

  it('is borne twice in a row, and not three times', async () => {
    const without = await recordsOf(spoilt([]), { rounds: 2 });
    expect((await recordsOf(spoilt([0, 2, 3]), { rounds: 5 })).result.modelHash).toBe(without.result.modelHash);
    await expect(recordsOf(spoilt([1, 2, 3]), { rounds: 6 })).rejects.toMatchObject({ code: 'round.void' });
  });
});

describe('stages whose halves take their time', () => {
  it('change nothing of a buffered run on the virtual clock, however many workers', async () => {
    const passing = (delayMs: (client: number) => number) => {
      const later = async <T>(value: T, client: number): Promise<T> => {
        await new Promise((resolve) => setTimeout(resolve, delayMs(client)));
        return value;
      };
      return defineStage({
        name: 'test/passing',
        options: {},
        client: (tensors, { client }) => later({ tensors }, client),
        server: (payload, { client }) => later(payload, 5 - client),
      });
    };
    const { kind: _, ...definition } = logisticRegression(fedBuff({ bufferSize: 3 }), clouds());
    const task = defineTask({ ...definition, speed: (client) => (client % 3 === 0 ? 0.2 : 1) });
    const runOf = async (workers: number, delayMs: (client: number) => number) => {
      const stages = [passing(delayMs)];
      const run = simulate(task, { clients: 6, clientsPerRound: 5, rounds: 8, seed: 3, workers, stages });
      const counted: (readonly number[])[] = [];
      run.on('round', (record) => counted.push(record.counted));
      return { hash: (await run.result).modelHash, counted };
    };
    const expected = await runOf(1, () => 0);
    expect(await runOf(1, (client) => client * 2)).toEqual(expected);
    expect(await runOf(2, (client) => 10 - 2 * client)).toEqual(expected);
  });
});
