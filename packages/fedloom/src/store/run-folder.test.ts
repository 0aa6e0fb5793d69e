import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FedloomError } from '@fedloom/engine';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { namedHash } from '../conformance/named-hash.js';
import { sha256 } from '../core/node/sha256.js';
import type { ClientRecord, RoundRecord, RunResult } from '../core/records.js';
import { findRun, listRuns, readRounds } from './read-runs.js';
import { failOpenRuns, type RunDescription, RunFolder } from './run-folder.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'fedloom-runs-'));
});
afterEach(async () => {
  // What a test left open.
  await Promise.all(open.splice(0).map((folder) => folder.discard()));
  await rm(root, { recursive: true });
});

const open: RunFolder[] = [];
async function create(run: string): Promise<RunFolder> {
  const folder = await RunFolder.create(root, describeRun(run));
  open.push(folder);
  return folder;
}

const describeRun = (run: string): RunDescription => ({
  run,
  task: { name: 'small' },
  taskFile: '/tasks/small.ts',
  arguments: { command: 'run', clients: 4, clientsPerRound: 2, rounds: 3, evaluateEvery: 1, set: [] },
  seed: 7,
});
const round = (number: number) => ({ round: number, cohort: [1, 2], counted: [2] }) as unknown as RoundRecord;
const update = (client: number) => ({ round: 0, client }) as unknown as ClientRecord;
const resultOf = (bytes: number[], status: RunResult['status'] = 'completed'): RunResult => ({
  status,
  run: 'a',
  rounds: 2,
  metrics: { accuracy: 0.5 },
  clientMetrics: { accuracy: 0.25 },
  model: new Map(),
  modelBytes: Uint8Array.from(bytes),
  modelHash: namedHash('m'),
});
const json = async (...path: string[]) => JSON.parse(await readFile(join(root, ...path), 'utf8'));

describe('RunFolder', () => {
  it('records a run from its start to its end', async () => {
    const folder = await RunFolder.create(join(root, 'deep', 'runs'), describeRun('a'));
    expect(await json('deep/runs/a/run.json')).toMatchObject({
      format: 1,
      status: 'running',
      seed: 7,
      finishedAt: null,
      result: null,
      versions: { node: process.versions.node, onnxruntime: expect.stringMatching(/^\d+\.\d+\.\d+$/) },
      processor: { cores: expect.any(Number) },
    });
    folder.addClient(update(2));
    folder.addClient(update(1));
    folder.addRound(round(0));
    folder.addRound(round(1));
    await folder.finish({ status: 'completed', result: resultOf([1, 2, 3]) });
    expect(await readdir(folder.path)).toEqual(['clients.jsonl', 'metrics.jsonl', 'model.safetensors', 'run.json']);
    expect([...(await readFile(folder.modelPath))]).toEqual([1, 2, 3]);
    expect((await readRounds(folder.path)).map((record) => record.round)).toEqual([0, 1]);
    expect((await readFile(join(folder.path, 'clients.jsonl'), 'utf8')).split('\n')).toHaveLength(3);
    expect(await json('deep/runs/a/run.json')).toMatchObject({
      status: 'completed',
      result: { rounds: 2, metrics: { accuracy: 0.5 }, clientMetrics: { accuracy: 0.25 }, modelHash: namedHash('m') },
    });
  });

  it('saves the model at the first checkpoint, and not again within a second', async () => {
    const folder = await create('a');
    let nowMs = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
    let encoded = 0;
    const encode = () => {
      encoded += 1;
      return Uint8Array.of(encoded);
    };
    for (let i = 0; i < 20; i += 1) await folder.checkpoint(encoded, encode);
    expect(encoded).toBe(1);
    expect([...(await readFile(folder.modelPath))]).toEqual([1]);
    nowMs = 999;
    await folder.checkpoint(encoded, encode);
    expect(encoded).toBe(1);
    nowMs = 1000;
    await folder.checkpoint(encoded, encode);
    expect([...(await readFile(folder.modelPath))]).toEqual([2]);
    clock.mockRestore();
    await folder.finish({ status: 'cancelled' });
  });

  it.runIf(existsSync('/dev/full'))('leaves the last whole model when the disk is full', async () => {
    const folder = await create('a');
    await writeFile(folder.modelPath, 'whole');
    const full = () => symlink('/dev/full', `${folder.modelPath}.tmp`);
    await full();
    await expect(folder.checkpoint(3, () => Uint8Array.of(1))).rejects.toMatchObject({
      code: 'store.full',
      message: `Cannot save the model to ${folder.modelPath}: the disk is full. Free some space, or choose another folder with --out.`,
    });
    await full();
    await expect(folder.finish({ status: 'completed', result: resultOf([1]) })).rejects.toMatchObject({
      code: 'store.full',
    });
    expect(await readFile(folder.modelPath, 'utf8')).toBe('whole');
    expect((await readdir(folder.path)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    expect(await json('a/run.json')).toMatchObject({ status: 'failed', error: { code: 'store.full' } });
  });

  it('keeps why a run failed, and its model so far', async () => {
    const folder = await create('a');
    const error = new FedloomError('fold.definition', 'It broke.', { name: 'f' });
    await folder.finish({ status: 'failed', error, result: resultOf([9], 'cancelled') });
    expect(await json('a/run.json')).toMatchObject({
      status: 'failed',
      error: { code: 'fold.definition', message: 'It broke.' },
    });
    expect([...(await readFile(folder.modelPath))]).toEqual([9]);
  });

  it('says which round the model is of, also when it is older than the last line', async () => {
    const folder = await create('a');
    const bytes = (round: number) => () => Uint8Array.of(round);
    for (let number = 0; number < 4; number += 1) {
      await folder.checkpoint(number, bytes(number));
      folder.addRound(round(number));
    }
    expect([...(await readFile(folder.modelPath))]).toEqual([0]);
    expect(await json('a/run.json')).toMatchObject({ modelRound: 0, modelHash: sha256(Uint8Array.of(0)) });
    await folder.finish({ status: 'completed', result: resultOf([1, 2]) });
    expect(await json('a/run.json')).toMatchObject({ modelRound: 1, modelHash: sha256(Uint8Array.of(1, 2)) });
    expect(folder.savedHash).toBe(sha256(Uint8Array.of(1, 2)));
  });

  it('fails with the process: all lines so far, the last model, and how it ended; nothing changes that later', async () => {
    const folder = await create('a');
    for (let number = 0; number < 3; number += 1) {
      await folder.checkpoint(number, () => Uint8Array.of(number));
      folder.addRound(round(number));
    }
    await failOpenRuns(new FedloomError('bug', 'It broke.'));
    expect((await readRounds(folder.path)).map((record) => record.round)).toEqual([0, 1, 2]);
    expect([...(await readFile(folder.modelPath))]).toEqual([2]);
    const failed = { status: 'failed', error: { code: 'bug', message: 'It broke.' }, result: null, modelRound: 2 };
    expect(await json('a/run.json')).toMatchObject(failed);
    folder.addRound(round(3));
    await folder.checkpoint(3, () => Uint8Array.of(3));
    await expect(folder.finish({ status: 'completed', result: resultOf([9]) })).rejects.toMatchObject({ code: 'bug' });
    expect(await json('a/run.json')).toMatchObject(failed);
    // Those that ended before are left alone.
    await failOpenRuns(new FedloomError('journal.none', 'Another.', { place: 'a' }));
    expect(await json('a/run.json')).toMatchObject(failed);
  });

  it('is whole also when its end comes in the midst of a checkpoint', async () => {
    const folder = await create('a');
    const model = new Uint8Array(4 << 20).fill(7);
    const saving = folder.checkpoint(0, () => model);
    await new Promise((resolve) => setImmediate(resolve));
    await Promise.all([saving, failOpenRuns(new FedloomError('bug', 'It broke.'))]);
    const file = await json('a/run.json');
    expect(file).toMatchObject({ status: 'failed', modelRound: 0, modelHash: sha256(model) });
    expect(sha256(await readFile(folder.modelPath))).toBe(file.modelHash);
  });

  it('refuses a folder that is there, or cannot be made', async () => {
    await create('a');
    await expect(RunFolder.create(root, describeRun('a'))).rejects.toMatchObject({ code: 'store.not-writable' });
    await writeFile(join(root, 'file'), '');
    for (const wrong of [join(root, 'file'), join(root, 'file', 'below'), '/proc/fedloom']) {
      await expect(RunFolder.create(wrong, describeRun('b'))).rejects.toMatchObject({ code: 'store.not-writable' });
    }
  });

  it('leaves nothing when discarded', async () => {
    const folder = await create('a');
    await folder.discard();
    expect(await readdir(root)).toEqual([]);
  });
});

describe('reading runs', () => {
  it('lists them by start, passes over what is no run, and knows the interrupted', async () => {
    expect(await listRuns(join(root, 'none'))).toEqual([]);
    const first = await create('z-first');
    await new Promise((resolve) => setTimeout(resolve, 5));
    await create('b-second');
    await writeFile(join(root, 'note.txt'), 'no run');
    await first.finish({ status: 'completed', result: resultOf([1]) });
    const statuses = async () => (await listRuns(root)).map(({ file, status }) => [file.run, status]);
    expect(await statuses()).toEqual([
      ['z-first', 'completed'],
      ['b-second', 'running'],
    ]);
    const running = await json('b-second/run.json');
    const rewrite = (changes: object) =>
      writeFile(join(root, 'b-second/run.json'), JSON.stringify({ ...running, ...changes }));
    // No process can have this number.
    await rewrite({ process: { ...running.process, pid: 2 ** 30 } });
    expect((await statuses())[1]).toEqual(['b-second', 'interrupted']);
    // Another machine's processes cannot be seen.
    await rewrite({ process: { pid: 2 ** 30, host: 'elsewhere' } });
    expect((await statuses())[1]).toEqual(['b-second', 'running']);
    // The number may have been given again since the machine was started.
    await rewrite({ process: { ...running.process, boot: 'another' }, startedAt: '2001-01-01T00:00:00.000Z' });
    expect((await statuses())[0]).toEqual(['b-second', 'interrupted']);
  });

  it('finds a run by its name, a part of it, or as the latest', async () => {
    await create('2026-mnist-ab');
    await new Promise((resolve) => setTimeout(resolve, 5));
    await create('2026-mnist-cd');
    expect((await findRun(root, 'ab')).file.run).toBe('2026-mnist-ab');
    expect((await findRun(root, 'latest')).file.run).toBe('2026-mnist-cd');
    await expect(findRun(root, 'mnist')).rejects.toThrow('"mnist" may be any of 2026-mnist-ab, 2026-mnist-cd.');
    await expect(findRun(root, 'cifar')).rejects.toMatchObject({ code: 'store.unknown-run' });
  });

  it('finds a run by its folder, and says which version wrote one that it cannot read', async () => {
    const { path } = await create('a');
    expect((await findRun('elsewhere', path)).file.run).toBe('a');
    const file = JSON.parse(await readFile(join(path, 'run.json'), 'utf8'));
    await writeFile(join(path, 'run.json'), JSON.stringify({ ...file, format: 2, versions: { fedloom: '9.1.0' } }));
    await expect(findRun(root, 'a')).rejects.toMatchObject({
      code: 'store.version',
      message: expect.stringContaining('has format 2, and this fedloom'),
    });
    await expect(findRun(root, 'a')).rejects.toThrow('Use the fedloom 9.1.0.');
    await writeFile(join(path, 'run.json'), '{"format":1}');
    await expect(findRun(root, 'a')).rejects.toMatchObject({ code: 'store.unknown-run' });
    await writeFile(join(path, 'run.json'), 'null');
    await expect(findRun(root, 'a')).rejects.toMatchObject({ code: 'store.unknown-run' });
  });

  it('reads the rounds of a run that was killed while it wrote', async () => {
    const folder = await create('a');
    await writeFile(join(folder.path, 'metrics.jsonl'), '{"round":0}\n{"round":1}\n{"rou');
    expect((await readRounds(folder.path)).map((record) => record.round)).toEqual([0, 1]);
  });

  it('says which line of the rounds was changed', async () => {
    const { path } = await create('a');
    for (const line of ['{"round"', '1', 'null']) {
      await writeFile(join(path, 'metrics.jsonl'), `{"round":0}\n${line}\n`);
      const message = expect.stringMatching(/^Line 2 of .*metrics\.jsonl is no record of a round/);
      await expect(readRounds(path)).rejects.toMatchObject({ code: 'store.damaged', message });
    }
  });
});

describe('a run folder that is taken up', () => {
  const lines = async (path: string, name: string) => (await readFile(join(path, name), 'utf8')).trim().split('\n');
  /** A run that was cut off in its third round. */
  async function interrupted() {
    const { path } = await create('a');
    await writeFile(join(path, 'metrics.jsonl'), `${JSON.stringify(round(0))}\n{"round":7}\n{"rou`);
    const clients = [0, 1, 2].map((number) => `${JSON.stringify({ round: number, client: 1 })}\n`);
    await writeFile(join(path, 'clients.jsonl'), `${clients.join('')}{"round":1,"cli`);
    return findRun(root, 'a');
  }

  it('has the rounds of its journal and the updates of what was decided, and goes on behind them', async () => {
    const { path, file } = await interrupted();
    const folder = await RunFolder.resume(path, { ...file, status: 'failed' }, [round(0), round(1)], 2);
    open.push(folder);
    expect(await json('a/run.json')).toMatchObject({
      status: 'running',
      resumedAt: [expect.any(String)],
      result: null,
    });
    expect(await json('a/run.json')).not.toHaveProperty('error');
    folder.addClient({ ...update(1), round: 2 });
    folder.addRound(round(2));
    await folder.finish({ status: 'completed', result: resultOf([1]) });
    expect(await lines(path, 'metrics.jsonl')).toEqual([0, 1, 2].map((number) => JSON.stringify(round(number))));
    expect((await lines(path, 'clients.jsonl')).map((line) => JSON.parse(line).round)).toEqual([0, 1, 2]);
    // Each of the three rounds asked two and counted one.
    expect((await json('a/run.json')).result.losses).toMatchObject({ rounds: 3, updates: 3 });
  });

  it('is left as it was found where the run cannot be started', async () => {
    const { path, file } = await interrupted();
    const before = await readFile(join(path, 'run.json'), 'utf8');
    const folder = await RunFolder.resume(path, file, [round(0)], 1);
    expect(await readFile(join(path, 'run.json'), 'utf8')).not.toBe(before);
    await folder.discard();
    expect(await readFile(join(path, 'run.json'), 'utf8')).toBe(before);
  });

  it('says where its server listens', async () => {
    const folder = await create('a');
    await folder.listensAt(['ws://127.0.0.1:8080/']);
    expect(await json('a/run.json')).toMatchObject({ url: 'ws://127.0.0.1:8080/' });
  });
});
