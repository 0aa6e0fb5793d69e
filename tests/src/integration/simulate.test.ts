import { defineTask, type RoundRecord, simulate } from 'fedloom';
import { describe, expect, it } from 'vitest';
import { logisticRegression } from './logistic-regression.js';

describe('simulate', () => {
  it('yields every round with cohort, losses, metrics and bytes', async () => {
    const rounds: RoundRecord[] = [];
    const run = simulate(logisticRegression(), { clients: 10, clientsPerRound: 4, rounds: 3, workers: 2 });
    for await (const round of run) rounds.push(round);
    expect(rounds.map((round) => round.round)).toEqual([0, 1, 2]);
    // FedML's cohorts of 4 out of 10.
    expect(rounds.map((round) => round.cohort)).toEqual([
      [2, 8, 4, 9],
      [2, 9, 6, 4],
      [4, 1, 5, 0],
    ]);
    for (const round of rounds) {
      expect(round.counted).toEqual([...round.cohort].sort((a, b) => a - b));
      expect(round.sampleCount).toBe(240);
      expect(round.testSampleCount).toBe(150);
      expect(round.trainLoss).toBeGreaterThan(0);
      expect(round.bytesUp).toBeGreaterThan(4 * 39 * 4);
      expect(round.bytesDown).toBeGreaterThan(39 * 4);
      // All clients' test sets together are the server's held-out set.
      expect(round.clientMetrics?.accuracy).toBeCloseTo(round.metrics?.accuracy as number, 6);
    }
    expect(rounds.at(-1)?.trainLoss).toBeLessThan(rounds[0]?.trainLoss as number);
    const result = await run.result;
    expect(result.status).toBe('completed');
    expect(result.rounds).toBe(3);
  });

  it('evaluates only when asked to', async () => {
    const evaluated: number[] = [];
    const options = { clients: 6, clientsPerRound: 2, rounds: 5, evaluateEvery: 2, workers: 1 };
    for await (const round of simulate(logisticRegression(), options)) if (round.metrics) evaluated.push(round.round);
    expect(evaluated).toEqual([0, 2, 4]);
  });

  it('ends within a second when cancelled, with the model so far', async () => {
    const stop = new AbortController();
    const run = simulate(logisticRegression(), {
      clients: 10,
      clientsPerRound: 5,
      rounds: 1_000_000,
      workers: 2,
      signal: stop.signal,
    });
    let cancelledAt = 0;
    for await (const { round } of run) {
      if (round !== 3) continue;
      cancelledAt = performance.now();
      stop.abort();
    }
    expect(performance.now() - cancelledAt).toBeLessThan(1000);
    const result = await run.result;
    expect(result.status).toBe('cancelled');
    expect(result.rounds).toBeGreaterThanOrEqual(4);
    expect(result.model.size).toBe(2);
  });

  it('says at once what is wrong with its options', () => {
    const task = logisticRegression();
    expect(() => simulate(task, { clients: 3, clientsPerRound: 5, rounds: 1 })).toThrow(/only 3/);
    expect(() => simulate(task, { clients: 0, clientsPerRound: 1, rounds: 1 })).toThrow(/clients/);
    expect(() => simulate(task, { clients: 3, clientsPerRound: 1, rounds: 1.5 })).toThrow(/rounds/);
  });
});

it('tells where in a trainer’s code an error arose', async () => {
  const task = defineTask({
    name: 'failing',
    trainer: () => ({
      getModelParams: () => ({ w: [0] }),
      setModelParams: () => {},
      train: () => {
        throw new TypeError('no luck');
      },
      test: () => ({ results: {}, sampleCount: 0 }),
    }),
  });
  const warnings: string[] = [];
  const run = simulate(task, { clients: 2, clientsPerRound: 1, rounds: 1 });
  run.on('warning', ({ message }) => warnings.push(message));
  await expect(run.result).rejects.toThrow();
  expect(warnings.join('\n')).toMatch(/no luck \(simulate\.test\.[jt]s:\d+\)/);
});
