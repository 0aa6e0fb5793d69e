import { beforeEach, describe, expect, it } from 'vitest';
import { clientIndex, versionNumber } from '../core/brands.js';
import { sha256 } from '../core/node/sha256.js';
import { JournalStates } from './journal-states.js';
import { RunJournal } from './run-journal.js';
import { DESCRIPTION } from './testing/counting-run.js';
import { MemoryDisk, MemoryStorage } from './testing/memory-storage.js';

const parts = {
  hash: sha256,
  clock: { now: () => 0, setTimer: () => () => {} },
  at: '2026-01-01T00:00:00Z',
  inlineBytesMax: 0,
};
const bytesOf = (text: string) => new TextEncoder().encode(text);

let disk: MemoryDisk;
let journal: RunJournal;
let states: JournalStates;
beforeEach(async () => {
  disk = new MemoryDisk();
  journal = await RunJournal.create(new MemoryStorage(disk), DESCRIPTION, parts);
  states = new JournalStates(journal);
});

const textOf = async (client: number) => {
  const state = await states.get(clientIndex(client));
  return state && new TextDecoder().decode(state);
};
/** A round in which these count. */
async function commit(round: number, ...clients: number[]): Promise<void> {
  const counted = clients.map((client) => ({
    ...{ client: clientIndex(client), task: round, attempt: 0 },
    ...{ base: versionNumber(round), newest: versionNumber(round) },
  }));
  const rest = { voidUpdates: [], refused: [], replaced: [], serverResults: null };
  const decided = { round, outcome: 'counted' as const, counted, ...rest };
  await journal.commitRound({ decided, privateStates: states.take(counted) });
}

describe('JournalStates', () => {
  it('keeps what counted, and only when the round is on disk', async () => {
    states.propose(clientIndex(1), 0, bytesOf('one'));
    states.propose(clientIndex(2), 0, bytesOf('two'));
    expect(await textOf(1)).toBeUndefined();
    await commit(0, 1);
    states.drop(clientIndex(2), 0);
    expect([await textOf(1), await textOf(2), await textOf(3)]).toEqual(['one', undefined, undefined]);
    states.propose(clientIndex(1), 1, bytesOf('one, later'));
    expect(await textOf(1)).toBe('one');
    await commit(1, 1);
    expect(await textOf(1)).toBe('one, later');
    await journal.close();
    // Neither what was replaced nor what did not count is left over.
    expect([...disk.blobs.values()].map((bytes) => new TextDecoder().decode(bytes))).toEqual(['one, later']);
  });

  it('takes the last proposal of a task, and none of another', async () => {
    states.propose(clientIndex(1), 0, bytesOf('first attempt'));
    states.propose(clientIndex(1), 0, bytesOf('second attempt'));
    states.drop(clientIndex(1), 7);
    expect(states.take([{ client: clientIndex(1), task: 3 }])).toEqual([]);
    await commit(0, 1, 4);
    expect(await textOf(1)).toBe('second attempt');
  });

  it('comes to the same when training repeats itself', async () => {
    states.propose(clientIndex(1), 0, bytesOf('same'));
    states.propose(clientIndex(1), 0, bytesOf('same'));
    states.propose(clientIndex(2), 0, bytesOf('same'));
    await commit(0, 1, 2);
    states.propose(clientIndex(1), 1, bytesOf('same'));
    await commit(1, 1);
    await journal.close();
    const opened = await RunJournal.open(new MemoryStorage(disk), parts);
    expect(new TextDecoder().decode(await opened?.journal.privateState(clientIndex(1)))).toBe('same');
    expect(disk.blobs.size).toBe(1);
  });
});
