import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../core/node/sha256.js';
import { readJournal } from './read-journal.js';
import { blobsOf } from './recover.js';
import { blobName } from './storage.js';
import { BOTH, countingRun, FILES, type Keeping, LINES, stateAfter, type Told } from './testing/counting-run.js';
import { Crash, type Fault, MemoryDisk, MemoryStorage } from './testing/memory-storage.js';

const ROUNDS = 7;
const FINAL = stateAfter(ROUNDS);

/** Runs until the end or the fault. */
async function runUntilFault(
  disk: MemoryDisk,
  told: Told,
  keeping: Keeping,
  fault?: Fault,
  pause?: () => Promise<void>,
) {
  const storage = new MemoryStorage(disk, fault, pause);
  try {
    const state = await countingRun(storage, ROUNDS, told, keeping);
    return { storage, state };
  } catch (error) {
    const expected = error instanceof Crash || (error as { code?: string }).code === 'store.full';
    if (!expected || fault === undefined) throw error;
    // What was under way when the process died.
    await new Promise((resolve) => setTimeout(resolve));
    return { storage, state: undefined };
  }
}

/** What lies on the disk is the state after some round, no earlier than anybody was told. */
async function checkDisk(disk: MemoryDisk, told: Told): Promise<void> {
  const { recovered, readBlob } = await readJournal(new MemoryStorage(disk), sha256);
  const rounds = recovered?.rounds ?? 0;
  expect(rounds).toBeGreaterThanOrEqual(told.rounds);
  // A round is told as soon as it is on disk: at most one is there and untold.
  expect(rounds).toBeLessThanOrEqual(told.rounds + 1);
  if (told.finished) expect(recovered?.finished).toBeDefined();
  if (recovered === undefined) return;
  const state = stateAfter(rounds);
  const last = recovered.versions.at(-1);
  const text = async (...named: Parameters<typeof readBlob>) => new TextDecoder().decode(await readBlob(...named));
  const blob = last?.models.main?.blob;
  expect(blob && (await text('versions', blob))).toBe(last && state.model);
  const clients: Record<number, string> = {};
  for (const [client, { blob }] of recovered.privateStates) clients[client] = await text('states', blob);
  expect(clients).toEqual(state.clients);
}

/** Continues to the end, where everything equals the run that never crashed, and no blob is left over. */
async function checkContinues(disk: MemoryDisk, told: Told, keeping: Keeping): Promise<void> {
  await checkDisk(disk, told);
  expect((await runUntilFault(disk, told, keeping)).state).toEqual(FINAL);
  const { recovered, blobsInLog } = await readJournal(new MemoryStorage(disk), sha256);
  expect(recovered).toMatchObject({ rounds: ROUNDS, finished: { rounds: ROUNDS } });
  if (recovered === undefined) return;
  const needed = [
    ...recovered.versions.flatMap(blobsOf).map((blob) => blobName('versions', blob)),
    ...[...recovered.privateStates.values()].map(({ blob }) => blobName('states', blob)),
  ];
  const files = [...disk.blobs.keys()].sort();
  expect(files).toEqual([...new Set(needed)].filter((name) => files.includes(name) || !blobsInLog.has(name)).sort());
}

async function writesOf(keeping: Keeping): Promise<MemoryStorage> {
  return (await runUntilFault(new MemoryDisk(), { rounds: 0, finished: false }, keeping)).storage;
}

const keepings = [
  ['files', FILES],
  ['lines', LINES],
  ['both', BOTH],
] as const;

describe.each(keepings)('a crash, blobs in %s', (_, keeping) => {
  it('at any write, which came to the disk or did not', async () => {
    const { writes } = await writesOf(keeping);
    expect(writes).toBeGreaterThan(10);
    for (let write = 1; write <= writes; write += 1) {
      for (const landed of [false, true]) {
        const disk = new MemoryDisk();
        const told = { rounds: 0, finished: false };
        const fault: Fault = { kind: 'crash', write, landed, ...(landed && { tornBytes: Number.MAX_SAFE_INTEGER }) };
        await runUntilFault(disk, told, keeping, fault);
        await checkContinues(disk, told, keeping);
      }
    }
  });

  it('that tears what it appends', async () => {
    const { appends } = await writesOf(keeping);
    expect(appends.size).toBeGreaterThan(10);
    for (const [write, bytes] of appends) {
      // Every byte of the smallest, which `entries.test.ts` does for all; some of each.
      for (let tornBytes = 1; tornBytes < bytes; tornBytes += bytes < 100 || tornBytes < 12 ? 1 : 41) {
        const disk = new MemoryDisk();
        const told = { rounds: 0, finished: false };
        await runUntilFault(disk, told, keeping, { kind: 'crash', write, tornBytes });
        await checkContinues(disk, told, keeping);
      }
    }
  });

  it('again and again, while the disk takes its time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(40), fc.nat(60), fc.boolean()), { maxLength: 6 }),
        fc.nat(),
        async (crashes, seed) => {
          const disk = new MemoryDisk();
          const told = { rounds: 0, finished: false };
          let random = seed;
          const pause = async () => {
            random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
            for (let turns = random >>> 29; turns > 0; turns -= 1)
              await new Promise((resolve) => setImmediate(resolve));
          };
          for (const [write, tornBytes, landed] of crashes) {
            await runUntilFault(disk, told, keeping, { kind: 'crash', write: write + 1, tornBytes, landed }, pause);
            await checkDisk(disk, told);
          }
          await checkContinues(disk, told, keeping);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe.each(keepings)('a full disk, blobs in %s', (_, keeping) => {
  it('at any write ends the run with an error, and costs nothing that was told', async () => {
    const { writes } = await writesOf(keeping);
    let ended = 0;
    for (let write = 1; write <= writes; write += 1) {
      for (const tornBytes of [0, 5]) {
        const disk = new MemoryDisk();
        const told = { rounds: 0, finished: false };
        const { state } = await runUntilFault(disk, told, keeping, { kind: 'full', write, tornBytes });
        if (state === undefined) ended += 1;
        // Only what could be deleted later may fail unseen.
        else expect(state).toEqual(FINAL);
        await checkContinues(disk, told, keeping);
      }
    }
    expect(ended).toBeGreaterThan(20);
  });
});
