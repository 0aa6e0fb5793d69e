import {
  defineTask,
  dense,
  type FederatedAlgorithm,
  fedAvg,
  fedBuff,
  fedPer,
  type RoundRecord,
  type RunResult,
  relu,
  type SimulateOptions,
  scaffold,
  sequential,
  simulate,
  type Task,
  topK,
} from 'fedloom';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../../packages/fedloom/dist/core/node/sha256.js';
import { readJournal } from '../../../packages/fedloom/dist/journal/read-journal.js';
import type { RunDescription } from '../../../packages/fedloom/dist/journal/record.js';
import { RunJournal } from '../../../packages/fedloom/dist/journal/run-journal.js';
import {
  type Fault,
  MemoryDisk,
  MemoryStorage,
} from '../../../packages/fedloom/dist/journal/testing/memory-storage.js';
import { clouds, logisticRegression } from './logistic-regression.js';

type Told = Omit<RoundRecord, 'ms' | 'bytesUp' | 'bytesDown'>;

interface Ended {
  readonly result: RunResult;
  /** Of all processes together. */
  readonly rounds: readonly Told[];
}

const size = { clients: 5, clientsPerRound: 3, rounds: 3, seed: 9, evaluateEvery: 2 };

/** What stays of a record: how long it took is another matter. */
function told({ ms: _, bytesUp: __, bytesDown: ___, ...record }: RoundRecord): Told {
  return JSON.parse(JSON.stringify(record)) as Told;
}

async function attempt(task: Task, options: SimulateOptions, storage: MemoryStorage): Promise<Ended> {
  const run = simulate(task, { ...options, journal: { storage, mode: 'resume-or-begin' } });
  const rounds: Told[] = [];
  run.on('prepared', ({ records }) => rounds.push(...records.map(told)));
  run.on('round', (record) => rounds.push(told(record)));
  return { result: await run.result, rounds };
}

/** The run that nobody kills, and how often it writes. */
async function undisturbed(task: Task, options: SimulateOptions) {
  const storage = new MemoryStorage(new MemoryDisk());
  const ended = await attempt(task, options, storage);
  return { ...ended, writes: storage.writes };
}

/** Dies at the fault, and is taken up until it is through. */
async function withFault(task: Task, options: SimulateOptions, fault: Fault): Promise<Ended> {
  const disk = new MemoryDisk();
  try {
    return await attempt(task, options, new MemoryStorage(disk, fault));
  } catch {
    try {
      return await attempt(task, options, new MemoryStorage(disk));
    } catch (error) {
      // The last word was written, and only nobody heard of it.
      if ((error as { code?: string }).code !== 'journal.finished') throw error;
      return { result: (error as { fields: never }).fields, rounds: [] };
    }
  }
}

const slow = (algorithm: FederatedAlgorithm) => {
  const { kind: _kind, ...definition } = logisticRegression(algorithm, clouds(100, 40));
  return defineTask({ ...definition, speed: (client) => (client === 3 ? 0.2 : 1) });
};

const cases: readonly (readonly [string, Task, Partial<SimulateOptions>])[] = [
  ['scaffold', logisticRegression(scaffold(), clouds(100, 40)), {}],
  ['topK with its residual', logisticRegression(fedAvg(), clouds(100, 40)), { stages: [topK({ fraction: 0.2 })] }],
  ['private heads', logisticRegressionWithHead(), {}],
  ['buffered, on the virtual clock', slow(fedBuff({ bufferSize: 2 })), { rounds: 4 }],
  ['more clients than it needs, on the virtual clock', slow(fedAvg()), { overSelect: 1.5 }],
  ['clients of whom one lies', withLiar(), { clientsPerRound: 4, rounds: 8, updateNormMax: '10x', quarantineAfter: 2 }],
];

/** Refused, kept out, asked again. */
function withLiar(): Task {
  return defineTask({
    name: 'liar',
    trainer: ({ index }) => {
      let w = Float32Array.of(0, 0);
      return {
        getModelParams: () => ({ w: { dtype: 'float32', shape: [2], data: w } }),
        setModelParams: (params) => {
          w = Float32Array.from(params.get('w')?.data as Float32Array);
        },
        train: () => {
          w = w.map((value) => value + (index === 1 ? 1e9 : 1 + index / 10));
          return { sampleCount: 1 + index };
        },
        test: () => ({ results: { sum: w.reduce((sum, value) => sum + value, 0) }, sampleCount: 1 }),
      };
    },
  });
}

function logisticRegressionWithHead(): Task {
  const { kind: _kind, ...definition } = logisticRegression(fedPer(), clouds(100, 40));
  return defineTask({ ...definition, model: sequential([dense(6), relu(), dense(3)]) });
}

it('the liar is kept out, and asked again', async () => {
  const more = { clientsPerRound: 4, rounds: 8, updateNormMax: '10x', quarantineAfter: 2 };
  const { rounds } = await undisturbed(withLiar(), { ...size, ...more, workers: 1 });
  expect(
    rounds.map(({ voided, uncounted }) => [voided?.code, uncounted.find(({ client }) => client === 1)?.code]),
  ).toEqual([
    ['aggregate.outliers', 'aggregate.outliers'],
    ...new Array(4).fill([undefined, 'client.quarantined']),
    [undefined, 'update.norm'],
    [undefined, 'update.norm'],
    [undefined, 'client.quarantined'],
  ]);
});

describe.each(cases)('a simulated run of %s', (name, task, more) => {
  const options = { ...size, ...more, workers: 1 };

  it('is the same with its journal as without', async () => {
    const plain = await simulate(task, options).result;
    expect((await undisturbed(task, options)).result.modelHash).toBe(plain.modelHash);
  });

  it('that dies at any write ends as if it had not: model and every round', async () => {
    const whole = await undisturbed(task, options);
    expect(whole.rounds.length).toBe(options.rounds);
    for (let write = 1; write <= whole.writes; write += 1) {
      // What a crash loses is for SCAFFOLD tried both ways at each write; for the others in turn.
      for (const landed of name === 'scaffold' ? [false, true] : [write % 2 === 0]) {
        const ended = await withFault(task, options, { kind: 'crash', write, landed });
        expect([write, landed, ended.result.modelHash]).toEqual([write, landed, whole.result.modelHash]);
        if (ended.rounds.length > 0) expect(ended.rounds).toEqual(whole.rounds);
      }
    }
  }, 240_000);
});

describe('a run that goes on', () => {
  const task = logisticRegression(fedAvg(), clouds(100, 40));
  const options = { ...size, workers: 1 };

  /** The warnings of a run that died after its first round, and was begun on what its journal is made to say. */
  async function resumedFrom(change: (begun: RunDescription) => Partial<RunDescription>) {
    const first = new MemoryDisk();
    await attempt(task, options, new MemoryStorage(first, { kind: 'crash', write: 7 })).catch(() => {});
    const { recovered } = await readJournal(new MemoryStorage(first), sha256);
    if (recovered === undefined) throw new Error('nothing was written');
    const { kind: _, ...begun } = { ...recovered.run, ...change(recovered.run) };
    const disk = new MemoryDisk();
    const parts = { hash: sha256, clock: { now: () => 0, setTimer: () => () => {} }, at: '2026-01-01T00:00:00Z' };
    await RunJournal.create(new MemoryStorage(disk), begun, parts);
    const run = simulate(task, { ...options, journal: { storage: new MemoryStorage(disk), mode: 'resume' } });
    const warnings: string[] = [];
    run.on('warning', ({ code, message }) => warnings.push(`${code} ${message}`));
    await run.result;
    return warnings;
  }

  it('on the machine that it was begun on has nothing to say', async () => {
    expect(await resumedFrom(() => ({}))).toEqual([]);
  });

  it('on another, or with another Node, warns of it once, by name', async () => {
    const other = { model: 'M1', architecture: 'arm64', platform: 'darwin' };
    const warnings = await resumedFrom(({ versions }) => ({
      processor: other,
      versions: { ...versions, node: '18.0.0' },
    }));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(
      /^journal\.other-machine The run .* \(processor: M1 \(darwin, arm64\) then, .* now; Node: 18\.0\.0 then, .* now\)\./,
    );
  });
});
