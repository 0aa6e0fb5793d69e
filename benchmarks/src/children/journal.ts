/** The process of a simulated run of logistic regression that keeps a journal, or none. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DiskWaits, folderStorage, simulate } from 'fedloom';
import { roundsFor, type WatchedRound, watchRounds } from '../round-watch.js';
import lr from '../tasks/lr.js';
import { done, input, tell } from './parent.js';

export interface JournalInput {
  readonly keeps: boolean;
  /** Rounds to measure. */
  readonly rounds: number;
}

export interface JournalOutput {
  readonly rounds: readonly WatchedRound[];
  /** Of all rounds of the run. */
  readonly waits: DiskWaits | null;
  readonly roundsInAll: number;
}

const CLIENTS = 1000;
const PER_ROUND = 10;

async function main(): Promise<void> {
  const { keeps, rounds } = await input<JournalInput>();
  const folder = await mkdtemp(join(tmpdir(), 'fedloom-bench-'));
  try {
    let waits: DiskWaits | null = null;
    const onClosed = (closed: DiskWaits) => {
      waits = closed;
    };
    const journal = keeps ? { storage: await folderStorage(folder), onClosed } : undefined;
    const roundsInAll = roundsFor(rounds);
    const size = { clients: CLIENTS, clientsPerRound: PER_ROUND, rounds: roundsInAll, evaluateEvery: 0 };
    const watched = await watchRounds(simulate(lr, { ...size, ...(journal && { journal }) }));
    tell({ rounds: watched, waits, roundsInAll } satisfies JournalOutput);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  done();
}

await main();
