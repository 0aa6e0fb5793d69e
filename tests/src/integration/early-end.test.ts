import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type ClientResults,
  createServer,
  defineTask,
  encodeSafetensors,
  fedBuff,
  folderSource,
  folderStorage,
  joinFederation,
  type RoundRecord,
  type RunResult,
  replay,
  type SimulateOptions,
  simulate,
  type Task,
} from 'fedloom';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** The server's scores, round by round; the model is the number of rounds. */
const SCORES = [0.1, 0.4, 0.3, 0.6, 0.5, 0.9, 0.2];

/** Each update adds 1 to the model, and so the server's test knows which round it tests. */
function counting(more: object = {}): Task {
  return defineTask({
    name: 'counting',
    trainer: ({ index }) => {
      let w = 0;
      return {
        getModelParams: () => ({ w: Float32Array.of(w) }),
        setModelParams: (params) => {
          w = Number(params.get('w')?.data[0]);
        },
        train: () => {
          w += 1;
          return { sampleCount: 1, meanLoss: 1 };
        },
        test: (): ClientResults =>
          index < 0
            ? { sampleCount: 1, results: { score: SCORES[Math.round(w) - 1] ?? 0 } }
            : { sampleCount: 1, results: { own: w } },
      };
    },
    ...more,
  });
}

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fedloom-early-'));
});
afterEach(() => rm(folder, { recursive: true }));

const sizes = { clients: 3, clientsPerRound: 2, rounds: SCORES.length, workers: 1 } as const;
const weightOf = ({ model }: Pick<RunResult, 'model'>) => Number(model.get('w')?.data[0]);

async function ran(options: Partial<SimulateOptions>, task = counting()) {
  const run = simulate(task, { ...sizes, ...options });
  const records: RoundRecord[] = [];
  const best: number[] = [];
  run.on('round', (record) => records.push(record));
  run.on('best', ({ round, model }) => best.push(round, weightOf({ model })));
  return { result: await run.result, records, best };
}

describe('a run that ends early', () => {
  it('ends in order after the round that says so, with its model', async () => {
    const { result, records } = await ran({ stopWhen: 'score>=0.6' });
    expect(result).toMatchObject({ status: 'completed', rounds: 4, metrics: { score: 0.6 } });
    expect(result.stopped).toEqual({
      code: 'run.stopped',
      message: 'Ended after round 4: score is 0.6, and so >= 0.6.',
    });
    expect([weightOf(result), records.length]).toEqual([4, 4]);
  });

  it('ends when its patience does', async () => {
    const { result } = await ran({ keepBest: 'score', patience: 1 });
    expect([result.rounds, result.best?.round]).toEqual([3, 1]);
  });

  it('goes on to its last round where nothing ends it, and says nothing', async () => {
    const { result } = await ran({ stopWhen: 'score>1' });
    expect([result.rounds, result.stopped]).toEqual([7, undefined]);
  });

  it('waits for a result aggregator that takes its time, and takes nothing of later rounds', async () => {
    const aggregate = async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return { own: 1 };
    };
    const storage = await folderStorage(folder);
    const { result, records } = await ran(
      { stopWhen: 'score>=0.4', journal: { storage } },
      counting({ resultAggregator: { aggregate } }),
    );
    expect([result.rounds, weightOf(result), records.length]).toEqual([2, 2, 2]);
    const replayed = await replay(counting({ resultAggregator: { aggregate } }), { journal: folderSource(folder) });
    expect((await replayed.result).modelHash).toBe(result.modelHash);
  });

  it('without rounds too', async () => {
    const { result } = await ran({ stopWhen: 'own>=2' }, counting({ algorithm: fedBuff({ bufferSize: 2 }) }));
    expect(result.status).toBe('completed');
    expect(result.rounds).toBeLessThan(SCORES.length);
    expect(result.stopped?.message).toMatch(/own is/);
  });

  it('ends its clients with it, over a network', async () => {
    const task = counting();
    const server = await createServer(task, { ...sizes, stopWhen: 'score>=0.4', listen: { port: 0 } });
    const clients = joinFederation(server.url, { clients: [{ from: 0, count: 3 }], task });
    expect(await server.result).toMatchObject({ status: 'completed', rounds: 2 });
    expect(await clients).toMatchObject({
      reason: 'completed',
      message: expect.stringMatching(/^Ended after round 2/),
    });
  });

  it('ends at once when it is resumed, where its process died between the last record and the end', async () => {
    const whole = await ran({ stopWhen: 'score>=0.6' });
    const run = simulate(counting(), {
      ...sizes,
      stopWhen: 'score>=0.6',
      journal: { storage: await folderStorage(folder) },
    });
    run.on('round', ({ round }) => round === 3 && run.cancel());
    expect((await run.result).status).toBe('cancelled');
    const resumed = await ran({
      stopWhen: 'score>=0.6',
      journal: { storage: await folderStorage(folder), mode: 'resume' },
    });
    expect(resumed.records).toEqual([]);
    expect(resumed.result).toMatchObject({
      status: 'completed',
      rounds: 4,
      stopped: whole.result.stopped,
      modelHash: whole.result.modelHash,
    });
  });

  it('does not go on under another rule', async () => {
    const run = simulate(counting(), {
      ...sizes,
      stopWhen: 'score>=0.6',
      journal: { storage: await folderStorage(folder) },
    });
    run.on('round', ({ round }) => round === 1 && run.cancel());
    await run.result;
    const storage = await folderStorage(folder);
    await expect(ran({ journal: { storage, mode: 'resume' } })).rejects.toThrow(/stopWhen/);
    await storage.close();
  });
});

describe('the best round', () => {
  it('is kept with its model beside the last', async () => {
    const { result, best } = await ran({ keepBest: 'score' });
    expect(best).toEqual([0, 1, 1, 2, 3, 4, 5, 6]);
    expect(result.best).toMatchObject({ round: 5, metric: 'score', value: 0.9 });
    expect([result.best && weightOf(result.best), weightOf(result)]).toEqual([6, 7]);
  });

  it('of several equal ones is the first, and may be the smallest', async () => {
    expect((await ran({ keepBest: 'score:min' })).result.best?.round).toBe(0);
    expect((await ran({ keepBest: 'own:min' })).result.best?.round).toBe(0);
  });

  it('outlives a crash many rounds later, and a replay finds it again', async () => {
    const options = { keepBest: 'score:min' };
    const first = simulate(counting(), { ...sizes, ...options, journal: { storage: await folderStorage(folder) } });
    first.on('round', ({ round }) => round === 4 && first.cancel());
    await first.result;
    const resumed = await ran({ ...options, journal: { storage: await folderStorage(folder), mode: 'resume' } });
    const whole = await ran(options);
    const bytes = ({ best }: RunResult) => best && Buffer.from(encodeSafetensors(best.model)).toString('hex');
    expect(resumed.result.best).toMatchObject({ round: 0, value: 0.1 });
    expect(bytes(resumed.result)).toBe(bytes(whole.result));
    const replayed = await (await replay(counting(), { journal: folderSource(folder) })).result;
    expect(bytes(replayed)).toBe(bytes(whole.result));
  });

  it('by a name that no round has is warned of, with the names that there are', async () => {
    const run = simulate(counting(), { ...sizes, keepBest: 'acc' });
    const warnings: string[] = [];
    run.on('warning', ({ code, message }) => warnings.push(`${code}: ${message}`));
    expect((await run.result).best).toBeUndefined();
    expect(warnings).toEqual(['metric.missing: Round 1 has no number acc to go by; it has own, score.']);
  });

  it.each([{ keepBest: 'a b' }, { stopWhen: 'score' }])('%o is refused at once', (options) => {
    expect(() => simulate(counting(), { ...sizes, ...options })).toThrow(
      expect.objectContaining({ code: 'metric.rule' }),
    );
  });
});
