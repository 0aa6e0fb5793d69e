import { FedloomError } from '@fedloom/engine/base';
import { describe, expect, it } from 'vitest';
import { namedHash } from '../conformance/named-hash.js';
import { clientIndex, versionNumber } from '../core/brands.js';
import { sha256 } from '../core/node/sha256.js';
import type { RoundRecord } from '../core/records.js';
import { readLog } from './entries.js';
import { checkResumable, readJournal } from './read-journal.js';
import { decodeRecords } from './record-codec.js';
import { ATTEMPTS_PER_START } from './recover.js';
import { type JournalParts, RunJournal } from './run-journal.js';
import { countingRun, DESCRIPTION, stateAfter } from './testing/counting-run.js';
import { MemoryDisk, MemoryStorage } from './testing/memory-storage.js';

const bytesOf = (text: string) => new TextEncoder().encode(text);
const software = DESCRIPTION.versions.fedloom;
let nowMs = 0;
const parts: JournalParts = {
  hash: sha256,
  clock: { now: () => nowMs, setTimer: () => () => {} },
  at: '2026-01-01T00:00:00Z',
  inlineBytesMax: 0,
};
const decided = (round: number) => ({
  round,
  outcome: 'counted' as const,
  counted: [],
  voidUpdates: [],
  refused: [],
  replaced: [],
  serverResults: null,
});
const report = (round: number) =>
  ({ round, trainLoss: null, metrics: null, clientMetrics: null }) as unknown as RoundRecord;

/** The kinds of each entry on the disk. */
const kindsOn = (disk: MemoryDisk) =>
  readLog(disk.log).entries.map((entry) =>
    decodeRecords(entry)
      .map(({ kind }) => kind)
      .join(' '),
  );

async function ranOn(disk: MemoryDisk, rounds = 5): Promise<MemoryDisk> {
  await countingRun(new MemoryStorage(disk), rounds, { rounds: 0, finished: false });
  return disk;
}

/** A gate in the way of every write. */
function gate() {
  const waiting: (() => void)[] = [];
  return {
    pause: () => new Promise<void>((resolve) => waiting.push(resolve)),
    /** Lets all through that came so far, and what follows from it. */
    async open() {
      for (const pass of waiting.splice(0)) pass();
      await new Promise((resolve) => setImmediate(resolve));
    },
    get waiting() {
      return waiting.length;
    },
  };
}

describe('RunJournal', () => {
  it('writes a round as one entry, behind the blobs that it names', async () => {
    const disk = new MemoryDisk();
    await ranOn(disk, 1);
    expect(kindsOn(disk)[0]).toBe('run started');
    expect(
      kindsOn(disk)
        .filter((kinds) => kinds.includes('round'))
        .every((kinds) => kinds.includes('version round privateState')),
    ).toBe(true);
  });

  it('does not let records overtake blobs of earlier ones; what comes meanwhile shares one write', async () => {
    const disk = new MemoryDisk();
    const door = gate();
    let slow = false;
    const storage = new MemoryStorage(disk, undefined, () => (slow ? door.pause() : Promise.resolve()));
    const journal = await RunJournal.create(storage, DESCRIPTION, parts);
    slow = true;
    const blob = journal.store('versions', bytesOf('model'));
    const told: string[] = [];
    const commit = journal.commitRound({
      decided: decided(0),
      version: { number: versionNumber(1), models: { main: { hash: blob.hash, blob } }, state: null },
    });
    const notes = [0, 1, 2].map((round) => journal.noteEvaluation({ round, report: report(round), evaluators: null }));
    void commit.then(() => told.push('round'));
    void Promise.all(notes).then(() => told.push('notes'));
    await new Promise((resolve) => setImmediate(resolve));
    // Only the blob is on its way.
    expect([door.waiting, disk.blobs.size, kindsOn(disk).length]).toEqual([1, 0, 1]);
    await door.open();
    expect([disk.blobs.size, kindsOn(disk).length, told]).toEqual([1, 1, []]);
    await door.open();
    expect(kindsOn(disk).slice(1)).toEqual(['version round']);
    await door.open();
    await Promise.all([commit, ...notes]);
    expect(kindsOn(disk).slice(2)).toEqual(['evaluation evaluation evaluation']);
    expect(told).toEqual(['round', 'notes']);
  });

  it('counts its waits: two for a round whose blobs are not safe yet, else one', async () => {
    const storage = new MemoryStorage(new MemoryDisk(), undefined, async () => {
      nowMs += 3;
    });
    const journal = await RunJournal.create(storage, DESCRIPTION, parts);
    const early = journal.store('versions', bytesOf('early'));
    await early.stored;
    expect(journal.diskWaits).toMatchObject({ waits: 0, waitMs: 0 });
    const version = (number: number, blob: typeof early) => ({
      number: versionNumber(number),
      models: { main: { hash: blob.hash, blob } },
      state: null,
    });
    await journal.commitRound({ decided: decided(0), version: version(1, early) });
    expect(journal.diskWaits).toEqual({ waits: 1, waitMs: 3, writes: 2 });
    await journal.commitRound({ decided: decided(1), version: version(2, journal.store('versions', bytesOf('late'))) });
    expect(journal.diskWaits).toEqual({ waits: 3, waitMs: 9, writes: 3 });
  });

  it('writes small blobs with the entry that names them: one write, one wait, no file', async () => {
    const disk = new MemoryDisk();
    const storage = new MemoryStorage(disk);
    const journal = await RunJournal.create(storage, DESCRIPTION, { ...parts, inlineBytesMax: 5 });
    const [small, large] = [journal.store('versions', bytesOf('small')), journal.store('states', bytesOf('larger'))];
    await large.stored;
    const version = { number: versionNumber(1), models: { main: { hash: small.hash, blob: small } }, state: null };
    const before = [journal.diskWaits.waits, storage.writes];
    const privateStates = [{ client: clientIndex(3), task: 0, blob: large }];
    await journal.commitRound({ decided: decided(0), version, privateStates });
    expect([journal.diskWaits.waits, storage.writes]).toEqual(before.map((count) => count + 1));
    expect([...disk.blobs.keys()]).toEqual([large.name]);
    expect(await journal.read('versions', small.hash)).toEqual(bytesOf('small'));
    const opened = await RunJournal.open(new MemoryStorage(disk), parts);
    expect(await opened?.journal.read('versions', small.hash)).toEqual(bytesOf('small'));
    expect(await opened?.journal.privateState(clientIndex(3))).toEqual(bytesOf('larger'));
  });

  it('gives each reader a small blob of its own', async () => {
    const journal = await RunJournal.create(new MemoryStorage(), DESCRIPTION, { ...parts, inlineBytesMax: 9 });
    const { hash } = journal.store('versions', bytesOf('same'));
    (await journal.read('versions', hash)).fill(0);
    expect(await journal.read('versions', hash)).toEqual(bytesOf('same'));
  });

  it('takes small blobs that nobody needs out of the log, which grows with the rounds alone', async () => {
    const disk = new MemoryDisk();
    const keeping = { inlineBytesMax: 2000, compactAboveBytes: 10_000 };
    const journal = await RunJournal.create(new MemoryStorage(disk), DESCRIPTION, { ...parts, ...keeping });
    const sizes: number[] = [];
    for (let round = 0; round < 60; round += 1) {
      const blob = journal.store('versions', new Uint8Array(1500).fill(round + 1));
      const version = { number: versionNumber(round + 1), models: { main: { hash: blob.hash, blob } }, state: null };
      await journal.commitRound({ decided: decided(round), version });
      sizes.push(disk.log.length);
    }
    await journal.close();
    // Two versions and a round's record of some hundred bytes.
    expect(Math.max(...sizes)).toBeLessThan(60 * 600 + 10_000 + 4 * 2100);
    const { recovered, readBlob } = await readJournal(new MemoryStorage(disk), sha256);
    expect(recovered?.decided).toHaveLength(60);
    for (const { models } of recovered?.versions ?? []) {
      expect(models.main && (await readBlob('versions', models.main.blob))).toHaveLength(1500);
    }
  });

  it('keeps a blob that several hold until the last lets go', async () => {
    const disk = new MemoryDisk();
    const journal = await RunJournal.create(new MemoryStorage(disk), DESCRIPTION, parts);
    const [a, b] = [journal.store('states', bytesOf('same')), journal.store('states', bytesOf('same'))];
    journal.release(a);
    await a.stored;
    expect(disk.blobs.has(b.name)).toBe(true);
    journal.release(b);
    await journal.close();
    expect(disk.blobs.size).toBe(0);
  });

  it('stores a blob anew only after its deletion, however long that takes', async () => {
    const disk = new MemoryDisk();
    let pauseMs = 0;
    const storage = new MemoryStorage(disk, undefined, () => new Promise((resolve) => setTimeout(resolve, pauseMs)));
    const journal = await RunJournal.create(storage, DESCRIPTION, parts);
    const blob = journal.store('states', bytesOf('same'));
    await blob.stored;
    pauseMs = 50;
    journal.release(blob);
    // The deletion is on its way.
    await new Promise((resolve) => setImmediate(resolve));
    pauseMs = 0;
    await journal.store('states', bytesOf('same')).stored;
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(disk.blobs.has(blob.name)).toBe(true);
  });

  it('refuses everything after one write that failed, also if the disk has room again', async () => {
    for (const failing of ['blob', 'record']) {
      const disk = new MemoryDisk();
      let left = Number.POSITIVE_INFINITY;
      const storage = new MemoryStorage(disk, undefined, async () => {
        if (left-- === 0)
          throw new FedloomError('store.full', 'The disk is full.', { path: 'memory', system: 'ENOSPC' });
      });
      const journal = await RunJournal.create(storage, DESCRIPTION, parts);
      left = failing === 'blob' ? 0 : 1;
      const blob = journal.store('versions', bytesOf('model'));
      const version = { number: versionNumber(1), models: { main: { hash: blob.hash, blob } }, state: null };
      await expect(journal.commitRound({ decided: decided(0), version })).rejects.toMatchObject({ code: 'store.full' });
      await expect(journal.noteClients({ ranges: [] })).rejects.toMatchObject({ code: 'store.full' });
      await expect(journal.finish({ rounds: 1, modelHash: blob.hash })).rejects.toMatchObject({ code: 'store.full' });
      await journal.close();
      expect(kindsOn(disk)).toEqual(['run started']);
    }
  });

  it('is not begun over another', async () => {
    const disk = await ranOn(new MemoryDisk());
    await expect(RunJournal.create(new MemoryStorage(disk), DESCRIPTION, parts)).rejects.toMatchObject({
      code: 'journal.in-use',
    });
  });

  it('opens nothing where there is nothing', async () => {
    expect(await RunJournal.open(new MemoryStorage(), parts)).toBeUndefined();
  });

  it('resumes only what is there', async () => {
    const as = { taskHash: DESCRIPTION.task.hash, planHash: DESCRIPTION.plan?.hash ?? null, software };
    await expect(RunJournal.resume(new MemoryStorage(), parts, as)).rejects.toMatchObject({ code: 'journal.none' });
    const disk = new MemoryDisk();
    const begun = await RunJournal.create(new MemoryStorage(disk), DESCRIPTION, parts);
    expect(begun.attemptBase).toBe(0);
    const { journal, recovered } = await RunJournal.resume(new MemoryStorage(disk), parts, as);
    expect(recovered.run).toEqual({ kind: 'run', ...DESCRIPTION });
    expect(journal.attemptBase).toBe(ATTEMPTS_PER_START);
    const again = await RunJournal.resume(new MemoryStorage(disk), parts, as);
    expect(again.journal.attemptBase).toBe(2 * ATTEMPTS_PER_START);
  });

  it('keeps the plan of its run, also over the next process', async () => {
    const disk = new MemoryDisk();
    const hash = sha256(bytesOf('plan'));
    await RunJournal.create(new MemoryStorage(disk), { ...DESCRIPTION, plan: { hash } }, parts, bytesOf('plan'));
    const opened = await RunJournal.open(new MemoryStorage(disk), parts);
    expect(await opened?.journal.read('plans', hash)).toEqual(bytesOf('plan'));
  });

  it('writes nothing when the run is not to go on', async () => {
    const disk = await ranOn(new MemoryDisk());
    const before = disk.log;
    const storage = new MemoryStorage(disk);
    await expect(
      RunJournal.open(storage, parts, (recovered) =>
        checkResumable(recovered, { taskHash: namedHash(''), planHash: null, software }),
      ),
    ).rejects.toMatchObject({ code: 'journal.finished' });
    expect(storage.writes).toBe(0);
    expect(disk.log).toBe(before);
  });
});

describe('a run that is not to go on', () => {
  const recoveredOf = async (disk: MemoryDisk) => {
    const { recovered } = await readJournal(new MemoryStorage(disk), sha256);
    if (recovered === undefined) throw new Error('nothing recovered');
    return recovered;
  };
  const unfinished = async () => ({ ...(await recoveredOf(await ranOn(new MemoryDisk(), 3))), finished: undefined });
  const [taskHash, planHash] = [DESCRIPTION.task.hash, DESCRIPTION.plan?.hash ?? null];

  it('has finished', async () => {
    const recovered = await recoveredOf(await ranOn(new MemoryDisk(), 3));
    expect(() => checkResumable(recovered, { taskHash, planHash, software })).toThrow(
      /has finished all of its 3 rounds.*sha256:[0-9a-f]{64}.*--init/,
    );
  });

  it('is to be resumed with other settings', async () => {
    const recovered = await unfinished();
    const resumed = (options: { readonly [name: string]: number }) => () =>
      checkResumable(recovered, { taskHash, planHash, software, options });
    expect(resumed({ clients: 6, seed: 0 })).not.toThrow();
    expect(resumed({ clients: 7 })).toThrow(/begun with clients 6, and is to be resumed with 7\. Leave it out/);
    expect(resumed({ seed: 1 })).toThrow(expect.objectContaining({ code: 'journal.task-changed' }));
    expect(resumed({ other: 1 })).toThrow(/begun with other unset/);
  });

  it('was begun by another version', async () => {
    const recovered = await unfinished();
    expect(() => checkResumable(recovered, { taskHash, planHash, software: 'fedloom/9.9.9' })).toThrow(
      expect.objectContaining({
        code: 'journal.version',
        message: expect.stringMatching(/was begun by 0\.0\.0, and this is fedloom\/9\.9\.9/),
      }),
    );
  });

  it('has another task or plan now: both hashes are shown', async () => {
    const recovered = await unfinished();
    expect(() => checkResumable(recovered, { taskHash, planHash, software })).not.toThrow();
    for (const [what, now] of [
      ['plan', { taskHash, planHash: namedHash('other') }],
      ['plan', { taskHash, planHash: null }],
      ['task', { taskHash: namedHash('other'), planHash }],
    ] as const) {
      const begun = what === 'plan' ? planHash : taskHash;
      expect(() => checkResumable(recovered, { ...now, software })).toThrow(
        expect.objectContaining({
          code: 'journal.task-changed',
          message: expect.stringContaining(
            `its hash was ${begun} and is now ${what === 'plan' ? (now.planHash ?? 'none') : now.taskHash}`,
          ),
          fields: expect.objectContaining({ what, begun }),
        }),
      );
    }
  });
});

describe('a damaged journal', () => {
  const damaged = async (disk: MemoryDisk) => {
    try {
      await readJournal(new MemoryStorage(disk), sha256);
    } catch (error) {
      return error as Error & { code: string; fields: Record<string, unknown> };
    }
    throw new Error('the damage was not seen');
  };

  it('says which entry, where, and which model is whole, for every flipped byte of the log', async () => {
    const { log, blobs } = await ranOn(new MemoryDisk());
    const { entries } = readLog(log);
    const last = new TextDecoder().decode([...blobs.entries()].find(([name]) => name === newest(log))?.[1]);
    expect(last).toBe(stateAfter(5).model);
    for (let at = 0; at < log.length; at += 7) {
      const disk = new MemoryDisk();
      disk.log = log.slice();
      disk.log[at] = (disk.log[at] ?? 0) ^ 0x10;
      for (const [name, bytes] of blobs) disk.blobs.set(name, bytes);
      const hit = entries.findLastIndex(({ offset }) => offset <= at);
      const { code, message, fields } = await damaged(disk);
      expect(code).toBe('journal.corrupt');
      expect(fields).toMatchObject({ entry: Math.max(hit, 0), offset: hit < 0 ? 0 : entries[hit]?.offset });
      const saved = fields.saved as { version: number; blobs: string[] };
      // The newest version is lost only with the very entry that names it.
      const names = hit >= 0 && JSON.stringify(decodeRecords(entries[hit]!)).includes('"number":5');
      expect(saved.version).toBe(names ? 4 : 5);
      for (const blob of saved.blobs) expect(blobs.has(blob as never)).toBe(true);
      expect(message).toMatch(/entry \d+ of journal\.log, at byte \d+.*version [45].*--init/);
    }
  });

  it('gives a small model a file of its own, to be saved', async () => {
    const disk = new MemoryDisk();
    const keeping = { inlineBytesMax: 1000, compactAboveBytes: 1e6 };
    await countingRun(new MemoryStorage(disk), 5, { rounds: 0, finished: false }, keeping);
    expect(disk.blobs.size).toBe(0);
    const { entries } = readLog(disk.log);
    // The last is the end of the run, and names no version.
    disk.log[disk.log.length - 10] = (disk.log[disk.log.length - 10] ?? 0) ^ 1;
    expect(entries.length).toBeGreaterThan(5);
    const { fields, message } = await damaged(disk);
    expect(fields).toMatchObject({ entry: entries.length - 1, saved: { version: 5 } });
    const name = newest(disk.log);
    expect(message).toContain(name);
    expect(new TextDecoder().decode(disk.blobs.get(name as never))).toBe(stateAfter(5).model);
  });

  it('says which blob is not what it was, and that the version before is whole', async () => {
    for (const spoil of ['flip', 'delete']) {
      // Round 2 of these 4 is void: the version before the last is the second.
      const disk = await ranOn(new MemoryDisk(), 4);
      const name = newest(disk.log) as never;
      if (spoil === 'flip') disk.blobs.set(name, bytesOf('other'));
      else disk.blobs.delete(name);
      const { code, message, fields } = await damaged(disk);
      expect(code).toBe('journal.corrupt');
      expect(fields).toMatchObject({ blob: name, saved: { version: 2, round: 1 } });
      expect(message).toContain(name);
    }
  });

  it('finds a damaged private state when it is read', async () => {
    const disk = await ranOn(new MemoryDisk());
    for (const name of disk.blobs.keys()) if (name.startsWith('states/')) disk.blobs.set(name, bytesOf('other'));
    const opened = await RunJournal.open(new MemoryStorage(disk), parts);
    await expect(opened?.journal.privateState(clientIndex(1))).rejects.toMatchObject({ code: 'journal.corrupt' });
    expect(await opened?.journal.privateState(clientIndex(99))).toBeUndefined();
  });
});

/** The blob of the newest model that a log names. */
function newest(log: Uint8Array): string {
  const versions = readLog(log).entries.flatMap((entry) =>
    decodeRecords(entry).filter((record) => record.kind === 'version'),
  );
  return `versions/${versions.at(-1)?.models.main?.blob.slice('sha256:'.length)}.safetensors`;
}
