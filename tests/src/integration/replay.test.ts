import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ClientRecord,
  clientIndex,
  createServer,
  type Dataset,
  defineStage,
  defineTask,
  dense,
  type FederatedAlgorithm,
  fedAsync,
  fedAvg,
  fedBuff,
  fedPer,
  folderSource,
  folderStorage,
  type JournalSource,
  joinFederation,
  median,
  type ReplayOptions,
  type RoundRecord,
  type RunResult,
  relu,
  replay,
  type SimulateOptions,
  scaffold,
  sequential,
  simulate,
  type Task,
  topK,
} from 'fedloom';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { crc32 } from '../../../packages/fedloom/dist/core/crc32.js';
import { encodeEntry, encodeHead, readLog } from '../../../packages/fedloom/dist/journal/entries.js';
import type { JournalRecord, RoundDecided } from '../../../packages/fedloom/dist/journal/record.js';
import { decodeRecords, recordText } from '../../../packages/fedloom/dist/journal/record-codec.js';
import {
  type Fault,
  MemoryDisk,
  MemoryStorage,
} from '../../../packages/fedloom/dist/journal/testing/memory-storage.js';
import { clouds, logisticRegression } from './logistic-regression.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fedloom-replay-'));
});
afterEach(() => rm(folder, { recursive: true }));

interface Ended {
  readonly result: RunResult;
  readonly records: readonly RoundRecord[];
}

/** What of a record depends on the decisions alone. */
function told({ round, counted, voided, version, trainLoss, sampleCount, ...rest }: RoundRecord) {
  const { metrics, clientMetrics, testSampleCount } = rest;
  return { round, counted, voided, version, trainLoss, sampleCount, metrics, clientMetrics, testSampleCount };
}

async function replayed(task: Task, options: ReplayOptions): Promise<Ended> {
  const run = await replay(task, options);
  const records: RoundRecord[] = [];
  run.on('round', (record) => records.push(record));
  return { result: await run.result, records };
}

async function expectReplay(task: Task, journal: JournalSource, { result, records }: Ended): Promise<void> {
  for (const workers of [1, 2]) {
    const again = await replayed(task, { journal, workers });
    expect(again.records.map(told)).toEqual(records.map(told));
    expect(again.result.modelHash).toBe(result.modelHash);
  }
}

/** Called for each training when it is done, before its update is sent. */
type During = (client: number, task: number) => void | Promise<void>;

function taskOf(algorithm: FederatedAlgorithm, during: During = () => {}, data: Dataset = clouds(100, 40)): Task {
  const stage = defineStage({
    name: 'test/during',
    options: {},
    client: async (tensors, { client, task }) => {
      await during(client, task);
      return { tensors };
    },
  });
  const { kind: _, ...definition } = logisticRegression(algorithm, data);
  // One layer more, so that there is something beside a private head.
  const model = sequential([dense(6), relu(), dense(3)]);
  const withStage = { ...algorithm, client: { ...algorithm.client, stages: [stage] } };
  return defineTask({ ...definition, model, algorithm: withStage });
}

const size = { clients: 6, clientsPerRound: 3, rounds: 6, seed: 9 };

/** Serves over WebSocket, with a connection for each client and the journal in `folder`. */
async function served(
  algorithm: FederatedAlgorithm,
  during: During,
  { leaver, gone }: { readonly leaver?: number; readonly gone?: AbortSignal } = {},
): Promise<Ended & { readonly updates: readonly ClientRecord[] }> {
  const server = await createServer(taskOf(algorithm), {
    ...{ ...size, graceMs: 200, workers: 1 },
    journal: { storage: await folderStorage(folder) },
  });
  const records: RoundRecord[] = [];
  const updates: ClientRecord[] = [];
  server.run.on('round', (record) => records.push(record));
  server.run.on('update', (update) => updates.push(update));
  const joined = Array.from({ length: size.clients }, (_, from) =>
    joinFederation(server.url, {
      ...{ clients: [{ from, count: 1 }], task: taskOf(algorithm, during), workers: 1 },
      ...(from === leaver && gone && { signal: gone }),
    }),
  );
  const result = await server.result;
  await Promise.all(joined);
  return { result, records, updates };
}

describe('the replay of a run over WebSocket', () => {
  it.each([scaffold(), fedPer(), median()])(
    'in which a client was lost and replaced is equal: $name',
    async (algorithm) => {
      const gone = new AbortController();
      const [, first] = (await replayedCohorts()) as [unknown, readonly number[]];
      const leaver = first[0] ?? -1;
      const during: During = async (client, task) => {
        if (client !== leaver || task !== 1) return;
        gone.abort();
        await sleep(50);
      };
      const ended = await served(algorithm, during, { leaver, gone: gone.signal });
      expect(ended.records[1]?.replaced).toMatchObject([{ client: leaver }]);
      // The lost one is missing where the others evaluate, too.
      expect(ended.records[2]?.testSampleCount).toBeLessThan(ended.records[0]?.testSampleCount ?? 0);
      await expectReplay(taskOf(algorithm), folderSource(folder), ended);
    },
  );

  it.each([fedBuff({ bufferSize: 2 }), fedAsync()])(
    'without rounds, by clients of different speed, is equal: $name',
    async (algorithm) => {
      const ended = await served(algorithm, (client, task) => sleep([1, 60, 5, 25, 2, 120][client] ?? task));
      const ages = ended.updates.map(({ round, base }) => round - base.number);
      expect(Math.max(...ages)).toBeGreaterThan(0);
      await expectReplay(taskOf(algorithm), folderSource(folder), ended);
    },
  );
});

it('the replay of a buffered run over WebSocket that was interrupted and taken up is equal', async () => {
  const algorithm = fedBuff({ bufferSize: 2 });
  const during: During = (client) => sleep([1, 60, 5, 25, 2, 120][client]);
  const records = new Map<number, RoundRecord>();
  let modelHash: string | undefined;
  for (const mode of ['begin', 'resume'] as const) {
    const journal = { storage: await folderStorage(folder), mode };
    const server = await createServer(taskOf(algorithm), { ...size, rounds: 12, workers: 1, journal });
    server.run.on('round', (record) => {
      records.set(record.round, record);
      if (mode === 'begin' && record.round === 4) server.run.cancel();
    });
    const joined = Array.from({ length: size.clients }, (_, from) =>
      joinFederation(server.url, { clients: [{ from, count: 1 }], task: taskOf(algorithm, during), workers: 1 }),
    );
    ({ modelHash } = await server.result);
    await Promise.all(joined);
  }
  expect(records.size).toBe(12);
  const again = await replayed(taskOf(algorithm), { journal: folderSource(folder) });
  expect(again.result.modelHash).toBe(modelHash);
  expect(again.records.map(told)).toEqual([...records.values()].map(told));
});

/** Who is asked in each round of a run in which nobody is lost. */
async function replayedCohorts(): Promise<(readonly number[])[]> {
  const cohorts: (readonly number[])[] = [];
  for await (const { cohort } of simulate(taskOf(fedAvg()), { ...size, workers: 1 })) cohorts.push(cohort);
  return cohorts;
}

/** Its server update spoils the model in these rounds. */
function spoilt(algorithm: FederatedAlgorithm, rounds: readonly number[]): FederatedAlgorithm {
  const { server } = algorithm;
  return {
    ...algorithm,
    server: {
      ...server,
      update(input) {
        const next = server.update(input);
        const [[name, tensor] = []] = next.model;
        if (!rounds.includes(input.round) || name === undefined || tensor === undefined) return next;
        const data = Float32Array.from(tensor.data as Float32Array).fill(Number.NaN);
        return { ...next, model: new Map([...next.model, [name, { ...tensor, data }]]) };
      },
    },
  };
}

/** A simulated run that dies at each of the faults and is taken up, and its journal. */
async function simulated(task: Task, options: SimulateOptions, faults: readonly Fault[] = []) {
  const disk = new MemoryDisk();
  const records = new Map<number, RoundRecord>();
  for (const fault of [...faults, undefined]) {
    const storage = new MemoryStorage(disk, fault);
    const run = simulate(task, { ...options, workers: 1, journal: { storage, mode: 'resume-or-begin' } });
    run.on('prepared', ({ records: before }) => {
      for (const record of before) records.set(record.round, record);
    });
    run.on('round', (record) => records.set(record.round, record));
    const ended = await run.result.catch(() => undefined);
    if (ended !== undefined) return { disk, result: ended, records: [...records.values()] };
  }
  throw new Error('it never ended');
}

describe('the replay of a simulated run', () => {
  it.each<[string, FederatedAlgorithm, Partial<SimulateOptions>]>([
    ['SCAFFOLD with void rounds', spoilt(scaffold(), [2, 4]), {}],
    ['topK with its residual', spoilt(fedAvg(), [2]), { stages: [topK({ fraction: 0.2 })] }],
    ['FedBuff on the virtual clock', spoilt(fedBuff({ bufferSize: 2 }), [2]), {}],
  ])('is equal, also of one that died and was taken up: %s', async (_, algorithm, more) => {
    const task = taskOf(algorithm);
    const options = { ...size, evaluateEvery: 2, ...more };
    const faults = [5, 7].map((write): Fault => ({ kind: 'crash', write, landed: true }));
    for (const ended of [await simulated(task, options), await simulated(task, options, faults)]) {
      expect(ended.records.some(({ voided }) => voided !== null)).toBe(true);
      await expectReplay(task, new MemoryStorage(ended.disk), ended);
    }
  });

  it('of one that was cancelled ends where that had come to', async () => {
    const task = taskOf(scaffold());
    const storage = new MemoryStorage(new MemoryDisk());
    const run = simulate(task, { ...size, rounds: 1000, evaluateEvery: 100, journal: { storage } });
    const records: RoundRecord[] = [];
    run.on('round', (record) => {
      if (records.push(record) === 4) run.cancel();
    });
    const { modelHash, rounds } = await run.result;
    const again = await replayed(task, { journal: storage });
    expect(again.records.length).toBeGreaterThanOrEqual(rounds);
    expect(again.records[rounds - 1]?.version.hash).toBe(records[rounds - 1]?.version.hash);
    if (again.records.length === rounds) expect(again.result.modelHash).toBe(modelHash);
    // The last is evaluated in any case.
    expect(again.records.at(-1)?.metrics).not.toBeNull();
  });

  it('of one that three void rounds in a row ended is equal as well', async () => {
    const task = taskOf(spoilt(fedAvg(), [1, 2, 3]));
    const disk = new MemoryDisk();
    const run = simulate(task, { ...size, journal: { storage: new MemoryStorage(disk) } });
    await expect(run.result).rejects.toMatchObject({ code: 'round.void' });
    const { records } = await replayed(task, { journal: new MemoryStorage(disk) });
    expect(records.map(({ voided }) => voided?.code)).toEqual([undefined, ...Array(3).fill('model.not-finite')]);
  });
});

/** The journal with its records of decided rounds changed, and all sums right. */
function tampered(disk: MemoryDisk, change: (record: RoundDecided) => RoundDecided): MemoryStorage {
  const entries = readLog(disk.log).entries.map((entry) => {
    const records = decodeRecords(entry).map((one): JournalRecord => (one.kind === 'round' ? change(one) : one));
    return encodeEntry(new TextEncoder().encode(`[${records.map(recordText).join(',')}]`));
  });
  const other = new MemoryDisk();
  other.log = Uint8Array.from(Buffer.concat([encodeHead(), ...entries]));
  return new MemoryStorage(other);
}

describe('a replay that comes out otherwise', () => {
  it('fails and names the first round that differs: another client counted', async () => {
    const task = taskOf(fedAvg());
    const { disk, records } = await simulated(task, size);
    const spare = [0, 1, 2, 3, 4, 5].find((client) => !records[2]?.counted.includes(client)) ?? -1;
    const journal = tampered(disk, (record) => {
      const [first, ...others] = record.counted;
      if (record.round !== 2 || first === undefined) return record;
      return { ...record, counted: [{ ...first, client: clientIndex(spare) }, ...others] };
    });
    const run = await replay(task, { journal, workers: 1 });
    const again: RoundRecord[] = [];
    run.on('round', (record) => again.push(record));
    const failure = await run.result.catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'replay.differs',
      message: expect.stringMatching(/ first in round 3: its model is sha256:[0-9a-f]{64}, in the run it was sha256:/),
    });
    expect(again.map(told)).toEqual(records.slice(0, 2).map(told));
  });

  it('names a round that is void in one of both, and one that is so for another reason', async () => {
    const { disk } = await simulated(taskOf(spoilt(fedAvg(), [2])), size);
    const failing = async (algorithm: FederatedAlgorithm, journal: JournalSource, text: RegExp) =>
      expect((await replay(taskOf(algorithm), { journal })).result).rejects.toMatchObject({
        code: 'replay.differs',
        message: expect.stringMatching(text),
      });
    await failing(
      fedAvg(),
      new MemoryStorage(disk),
      / first in round 3: in the replay it made a model, in the run it is void/,
    );
    await failing(
      spoilt(fedAvg(), [1, 2]),
      new MemoryStorage(disk),
      / first in round 2: in the replay it is void .*, in the run it made a model/,
    );
    const reason = { code: 'algorithm.not-finite', message: 'The candidate overflows.' };
    const other = tampered(disk, (record) => (record.outcome === 'void' ? { ...record, reason } : record));
    await failing(
      spoilt(fedAvg(), [2]),
      other,
      / first in round 3: in the replay it is void .*, in the run it is void \(The candidate/,
    );
  });

  it('names metrics that differ where the models do not', async () => {
    const { disk, result } = await simulated(taskOf(fedAvg()), size);
    const data = clouds(100, 40);
    const fewer: Dataset = {
      ...data,
      load: async (split) => (split === 'train' ? data.load(split) : clouds(100, 20).load(split)),
    };
    const run = await replay(taskOf(fedAvg(), undefined, fewer), { journal: new MemoryStorage(disk) });
    const failure = await run.result.catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'replay.differs',
      message: expect.stringMatching(/ first in round 1: its metrics is .* though the models are equal/),
      fields: { result: { modelHash: result.modelHash } },
    });
  });

  it('says that the clients had other data', async () => {
    const { disk } = await simulated(taskOf(fedAvg()), size);
    const task = taskOf(fedAvg(), undefined, clouds(80, 40));
    await expect((await replay(task, { journal: new MemoryStorage(disk) })).result).rejects.toMatchObject({
      code: 'replay.differs',
      message: expect.stringMatching(
        /Its clients trained on \d+ samples here and on \d+ in the run: the data that the task deals/,
      ),
    });
  });
});

describe('a replay is refused', () => {
  const refused = async (task: Task, options: ReplayOptions, code: string, text: RegExp) =>
    expect(replayed(task, options)).rejects.toMatchObject({ code, message: expect.stringMatching(text) });

  it('without a journal, or one in which nothing is decided', async () => {
    const task = taskOf(fedAvg());
    const nowhere = folderSource(join(folder, 'nowhere'));
    await refused(
      task,
      { journal: nowhere },
      'journal.none',
      /There is no journal in .*nowhere, so that the run cannot be replayed/,
    );
    const storage = new MemoryStorage(new MemoryDisk());
    const run = simulate(task, { ...size, journal: { storage } });
    run.on('prepared', () => run.cancel());
    await run.result;
    await refused(task, { journal: storage }, 'replay.nothing', /ended before its first round was decided/);
  });

  it('with options that are not those of the run, each by its name', async () => {
    const task = taskOf(fedAvg());
    const { disk } = await simulated(task, { ...size, stages: [topK({ fraction: 0.5 })] });
    const journal = new MemoryStorage(disk);
    await replayed(task, { journal, ...size, stages: [topK({ fraction: 0.5 })] });
    for (const [options, text] of [
      [{ rounds: 5 }, /cannot have rounds 5: the run has 6/],
      [{ clients: 7 }, /cannot have clients 7: the run has 6/],
      [{ clientsPerRound: 2 }, /cannot have clientsPerRound 2/],
      [{ seed: 1 }, /cannot have seed 1: the run has 9/],
      [{ evaluateEvery: 3 }, /cannot have evaluateEvery 3: the run has 1/],
      [{ deadlineMs: 1000 }, /cannot have deadlineMs 1000: the run has decided already who counts/],
      [{ stages: [taskOf(fedAvg()).algorithm.client?.stages?.[0] as never] }, /cannot have stages "test\/during"/],
    ] as const) {
      await refused(task, { journal, ...options }, 'replay.contradicts', text);
    }
    await refused(task, { journal, stages: [topK({ fraction: 0.4 })] }, 'stage.option', /fraction is 0\.4/);
  });

  it('of another task, another algorithm, another model to begin with, another version', async () => {
    const task = taskOf(fedAvg());
    const { disk, result } = await simulated(task, size);
    const journal = new MemoryStorage(disk);
    const { kind: _, ...definition } = logisticRegression(fedAvg(), clouds(100, 40));
    const slower = defineTask({ ...definition, training: { ...definition.training, batchSize: 4 } });
    await refused(slower, { journal }, 'journal.task-changed', /The training plan of "clouds" is not the one/);
    await refused(
      taskOf(median()),
      { journal },
      'replay.contradicts',
      /with the algorithm .*fedAvg.*, and the task has .*median/,
    );
    await refused(task, { journal, initialModel: result.model }, 'replay.initial-model', /give that file/);
    await refused(
      task,
      { journal, taskHash: `sha256:${'0'.repeat(64)}` },
      'journal.task-changed',
      /its hash was sha256/,
    );
    const older = new MemoryDisk();
    older.log = disk.log.slice();
    const head = new DataView(older.log.buffer);
    head.setUint32(8, 1, true);
    head.setUint32(12, crc32(older.log.subarray(0, 12)), true);
    await refused(
      task,
      { journal: new MemoryStorage(older) },
      'journal.version',
      /has format 1, and this fedloom reads/,
    );
  });

  it('where the task cannot give the data', async () => {
    const data = clouds(100, 40);
    const { disk } = await simulated(taskOf(fedAvg(), undefined, data), size);
    const away = async () => {
      throw new Error('There is no folder parts.');
    };
    for (const part of [{ spec: away }, { load: away }]) {
      const task = taskOf(fedAvg(), undefined, { ...data, ...part });
      const text =
        /^A replay trains all clients of .* the data "clouds" .* There is no folder parts\. If its clients held/;
      await refused(task, { journal: new MemoryStorage(disk) }, 'replay.no-data', text);
    }
  });
});
