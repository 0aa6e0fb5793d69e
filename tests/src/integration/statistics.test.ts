import { createServer, defineTask, fedAvg, joinFederation, simulate, type Task, topK } from 'fedloom';
import { expect, it } from 'vitest';

/** Test samples of each client, by class: what a client counts is of its own size. */
const CLASSES: readonly (readonly number[])[] = [
  [3, 0, 1],
  [0, 40, 2],
  [5, 5, 500],
];

const histograms = (): Task =>
  defineTask({
    name: 'histograms',
    trainer: ({ index }) => ({
      getModelParams: () => ({ w: [0] }),
      setModelParams: () => {},
      train: () => ({ sampleCount: 1 }),
      test: () => {
        const counts = CLASSES[index] ?? [];
        const weight = counts.reduce((sum, count) => sum + count, 0);
        return {
          results: {},
          sampleCount: weight,
          // The server's own trainer has no samples.
          statistics:
            weight === 0 ? {} : { classes: { sum: [...counts], weight }, calibration: { sum: index + 1, weight: 2 } },
        };
      },
    }),
  });

const pooled = { classes: [8 / 556, 45 / 556, 503 / 556], calibration: 6 / 6 };

it('a histogram adds up over clients as if their samples lay together', async () => {
  const { clientMetrics } = await simulate(histograms(), { clients: 3, clientsPerRound: 3, rounds: 1 }).result;
  expect(clientMetrics).toMatchObject(pooled);
});

it('and over the wire', async () => {
  const server = await createServer(histograms(), { clients: 3, clientsPerRound: 3, rounds: 1 });
  const clients = [0, 1, 2].map((from) =>
    joinFederation(server.url, { clients: [{ from, count: 1 }], task: histograms() }),
  );
  const { clientMetrics } = await server.result;
  await Promise.all(clients);
  expect(clientMetrics).toMatchObject(pooled);
});

it.each([0.1, 0.01])(
  'of a wide model, topK of %d sends that part of the values, each with its place',
  async (fraction) => {
    const VALUES = 200_000;
    let at = 0;
    const task = defineTask({
      name: 'wide',
      algorithm: fedAvg(),
      trainer: () => ({
        getModelParams: () => ({ w: new Float32Array(VALUES).map((_, i) => i + at) }),
        setModelParams: () => {},
        train: () => {
          at += 1;
          return { sampleCount: 1 };
        },
        test: () => ({ results: {}, sampleCount: 0 }),
      }),
    });
    const bytesUp = async (stages: ReturnType<typeof topK>[]) => {
      const run = simulate(task, { clients: 2, clientsPerRound: 2, rounds: 1, stages });
      for await (const record of run) return record.bytesUp;
      throw new Error('there was no round');
    };
    const [all, some] = [await bytesUp([]), await bytesUp([topK({ fraction })])];
    expect(all).toBeGreaterThan(2 * 4 * VALUES);
    // A value and its place take four bytes each.
    expect((some - 2 * 8 * fraction * VALUES) / all).toBeLessThan(0.003);
    expect(some).toBeGreaterThan(2 * 8 * fraction * VALUES);
  },
);
