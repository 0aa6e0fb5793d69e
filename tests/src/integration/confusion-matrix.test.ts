/** A metric that is a matrix, from the task to the records. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type AnyMetric,
  accuracy,
  classScores,
  confusionMatrix,
  createServer,
  defineShapedMetric,
  defineTask,
  folderSource,
  folderStorage,
  joinFederation,
  precision,
  type RoundRecord,
  recall,
  replay,
  simulate,
} from 'fedloom';
import { describe, expect, it } from 'vitest';
import { clouds, logisticRegression } from './logistic-regression.js';

const TEST_SAMPLES = 40;
const size = { clients: 4, clientsPerRound: 3, rounds: 2, seed: 5 };

function taskWith(metrics: readonly AnyMetric[]) {
  const { kind: _, ...definition } = logisticRegression(undefined, clouds(100, TEST_SAMPLES));
  return defineTask({ ...definition, metrics });
}

function rowsOf(value: unknown): number[][] {
  expect(value).toEqual(expect.any(Array));
  return value as number[][];
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

describe('a confusion matrix', () => {
  const task = taskWith([accuracy(), recall(), precision(), confusionMatrix()]);

  it('is exact, says what other metrics say, and is the same over WebSocket', async () => {
    const records: RoundRecord[] = [];
    const run = simulate(task, { ...size, workers: 2 });
    run.on('round', (record) => records.push(record));
    const alone = await run.result;
    const rows = rowsOf(alone.metrics.confusionMatrix);
    const scores = classScores(alone.metrics.confusionMatrix);
    const total = sum(rows.flat());
    expect(rows.map((row) => row.length)).toEqual([3, 3, 3]);
    expect(rows.flat().every(Number.isSafeInteger)).toBe(true);
    expect(sum(rows.map((row, at) => row[at] ?? 0)) / total).toBeCloseTo(Number(alone.metrics.accuracy), 12);
    expect(sum(scores.map((one) => one.recall)) / 3).toBeCloseTo(Number(alone.metrics.recall), 12);
    expect(sum(scores.map((one) => one.precision)) / 3).toBeCloseTo(Number(alone.metrics.precision), 12);
    // All clients together hold the test samples that the server has.
    expect(sum(rowsOf(alone.clientMetrics.confusionMatrix).flat())).toBe(records.at(-1)?.testSampleCount);
    expect(alone.clientMetrics.confusionMatrix).toEqual(rows);
    expect(records.at(-1)?.metrics?.confusionMatrix).toEqual(rows);

    const server = await createServer(task, size);
    const joined = joinFederation(server.url, { clients: [{ from: 0, count: 4 }], task, workers: 1 });
    const served = await server.result;
    await joined;
    expect([served.metrics, served.clientMetrics]).toEqual([alone.metrics, alone.clientMetrics]);
  });

  it('is in the journal, and a replay compares it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fedloom-matrix-'));
    try {
      const made = await simulate(task, { ...size, workers: 1, journal: { storage: await folderStorage(folder) } })
        .result;
      const run = await replay(task, { journal: await folderSource(folder), workers: 1 });
      const again = await run.result;
      expect([again.metrics, again.modelHash]).toEqual([made.metrics, made.modelHash]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('is nothing that a run can follow', async () => {
    await expect(simulate(task, { ...size, keepBest: 'confusionMatrix' }).result).rejects.toMatchObject({
      code: 'metric.unknown',
      message: expect.stringContaining('which is many numbers'),
    });
  });
});

describe('a metric of one’s own of three dimensions', () => {
  const largest = (value: AnyMetric['perSample']) =>
    defineShapedMetric({
      name: 'cube',
      shape: () => [2, 1, 3],
      perSample: value,
      value: (means, samples) => means.map((one) => one * samples),
    });
  const cube = largest((g, prediction) =>
    g.reshape(g.concat([prediction, g.mul(prediction, 0)], 1), [prediction.shape[0] ?? 1, 2, 1, 3]),
  );

  it('comes as lists of lists', async () => {
    const { metrics } = await simulate(taskWith([cube]), { ...size, rounds: 1, workers: 1 }).result;
    expect(metrics.cube).toEqual([[[expect.any(Number), expect.any(Number), expect.any(Number)]], [[0, 0, 0]]]);
  });

  it('must give what its shape says', async () => {
    const flat = simulate(taskWith([largest((_g, prediction) => prediction)]), { ...size, workers: 1 }).result;
    await expect(flat).rejects.toThrow(/The metric cube: perSample returned .* it must return .* \[batch, 2, 1, 3\]/);
    const wrong = defineShapedMetric({ ...cube, shape: () => [0] });
    await expect(simulate(taskWith([wrong]), { ...size, workers: 1 }).result).rejects.toThrow(
      /its shape is .* numbers above 0/,
    );
  });
});
