import { type ClientIndex, clientIndex, versionNumber } from '../../core/brands.js';
import { sha256 } from '../../core/node/sha256.js';
import type { RoundRecord } from '../../core/records.js';
import { JournalStates } from '../journal-states.js';
import type { RunDescription } from '../record.js';
import type { Recovered } from '../recover.js';
import { type JournalParts, RunJournal } from '../run-journal.js';
import type { JournalStorage } from '../storage.js';

const CLIENTS = 6;
const PER_ROUND = 3;
/** A round in which the candidate is thrown away. */
const VOID_ROUND = 2;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** All that a run is, small enough to compare whole. */
export interface CountingState {
  readonly model: string;
  readonly server: string;
  readonly clients: Readonly<Record<number, string>>;
}

/** Where small blobs go. */
export type Keeping = Required<Pick<JournalParts, 'inlineBytesMax' | 'compactAboveBytes'>>;
export const FILES: Keeping = { inlineBytesMax: 0, compactAboveBytes: 0 };
/** The blobs here have 1 to 75 bytes. */
export const LINES: Keeping = { inlineBytesMax: 100, compactAboveBytes: 400 };
export const BOTH: Keeping = { inlineBytesMax: 66, compactAboveBytes: 400 };

const parts: JournalParts = {
  hash: sha256,
  clock: { now: () => 0, setTimer: () => () => {} },
  at: '2026-01-01T00:00:00Z',
};

export const DESCRIPTION: Omit<RunDescription, 'kind'> = {
  run: 'counting',
  task: { name: 'counting', hash: sha256(encoder.encode('task')) },
  plan: { hash: sha256(encoder.encode('plan')) },
  algorithm: { name: 'fedAvg', hyperparameters: {} },
  options: { clients: CLIENTS },
  seed: 0,
  versions: { fedloom: '0.0.0' },
};

/** One round as a pure function: every part of the state depends on all that came before. */
export function nextState(state: CountingState, round: number): CountingState {
  if (round === VOID_ROUND) return state;
  const clients = { ...state.clients };
  const cohort = cohortOf(round);
  const seen = cohort.map((client) => clients[client] ?? '-').join();
  for (const client of cohort) clients[client] = sha256(encoder.encode(`${state.model} ${client} ${clients[client]}`));
  // Every third round changes nothing of the model, as a learning rate of 0 does.
  const model = round % 3 === 1 ? state.model : sha256(encoder.encode(`${state.model} ${round} ${seen}`));
  return { model, server: `${state.server.length + 1} ${model}`, clients };
}

export const FIRST_STATE: CountingState = { model: 'first', server: '0', clients: {} };

export function stateAfter(rounds: number): CountingState {
  let state = FIRST_STATE;
  for (let round = 0; round < rounds; round += 1) state = nextState(state, round);
  return state;
}

export function cohortOf(round: number): ClientIndex[] {
  return Array.from({ length: PER_ROUND }, (_, i) => clientIndex((round * 2 + i) % CLIENTS));
}

/** What the outside has been told: never to be taken back. */
export interface Told {
  /** Rounds whose clients heard that they counted, or that the round is void. */
  rounds: number;
  finished: boolean;
}

/**
 * Runs a federation of counting clients on a journal, from wherever it stands, as the server of a real one does: blobs are
 * stored while others train, nobody is told before the disk.
 */
export async function countingRun(
  storage: JournalStorage,
  rounds: number,
  told: Told,
  keeping: Keeping = FILES,
): Promise<CountingState> {
  const all = { ...parts, ...keeping };
  const opened = await RunJournal.open(storage, all);
  const journal = opened?.journal ?? (await RunJournal.create(storage, DESCRIPTION, all));
  let state = opened === undefined ? FIRST_STATE : await readState(journal, opened.recovered);
  const states = new JournalStates(journal);
  const first = opened?.recovered.rounds ?? 0;
  if (opened?.recovered.finished !== undefined) return state;
  if (opened === undefined || opened.recovered.versions.length === 0) {
    // Not waited for: the first model travels ahead of the disk.
    journal.commitFirstVersion(versionOf(journal, 0, state)).catch(() => {});
  }
  for (let round = first; round < rounds; round += 1) {
    const next = nextState(state, round);
    await commit(journal, states, round, next);
    told.rounds = Math.max(told.rounds, round + 1);
    state = next;
    journal
      .noteEvaluation({
        round,
        report: { round, trainLoss: round / 3, metrics: null, clientMetrics: null } as RoundRecord,
        evaluators: null,
      })
      .catch(() => {});
  }
  await journal.finish({ rounds, modelHash: sha256(encoder.encode(state.model)) });
  told.finished = true;
  await journal.close();
  return state;
}

export async function readState(journal: RunJournal, { versions, privateStates }: Recovered): Promise<CountingState> {
  const last = versions.at(-1);
  if (last === undefined) return FIRST_STATE;
  const { main } = last.models;
  if (main === undefined || last.state === null) throw new Error('a version without model or state');
  const clients: Record<number, string> = {};
  for (const client of [...privateStates.keys()].sort((a, b) => a - b)) {
    clients[client] = decoder.decode(await journal.privateState(client));
  }
  return {
    model: decoder.decode(await journal.read('versions', main.blob)),
    server: decoder.decode(await journal.read('versions', last.state)),
    clients,
  };
}

async function commit(journal: RunJournal, states: JournalStates, round: number, next: CountingState): Promise<void> {
  const isVoid = round === VOID_ROUND;
  const cohort = cohortOf(round);
  const attempt = journal.attemptBase;
  const version = versionNumber(round);
  const tags = cohort.map((client) => ({ client, task: round, attempt, base: version, newest: version }));
  for (const client of cohort) states.propose(client, round, encoder.encode(next.clients[client] ?? `void ${client}`));
  // One update that does not count.
  const late = {
    client: clientIndex((round * 2 + PER_ROUND) % CLIENTS),
    task: round,
    attempt: journal.attemptBase,
    code: 'update.late',
  };
  states.propose(late.client, round, encoder.encode(`late ${round}`));
  const counted = isVoid ? [] : tags;
  const voided = isVoid ? tags.map(({ base: _, newest: __, ...tag }) => ({ ...tag, code: 'round.diverged' })) : [];
  const refused = [late, ...voided];
  await journal.commitRound({
    decided: {
      round,
      outcome: isVoid ? 'void' : 'counted',
      ...(isVoid && { reason: { code: 'round.diverged', message: 'The candidate is not finite.' } }),
      counted,
      voidUpdates: isVoid ? tags : [],
      refused,
      replaced: [],
      serverResults: { loss: isVoid ? Number.NaN : 1 / (round + 1) },
    },
    privateStates: states.take(counted),
    ...(!isVoid && { version: versionOf(journal, round + 1, next) }),
  });
  for (const { client } of refused) states.drop(client, round);
}

function versionOf(journal: RunJournal, number: number, state: CountingState) {
  const blob = journal.store('versions', encoder.encode(state.model));
  return {
    number: versionNumber(number),
    models: { main: { hash: blob.hash, blob } },
    state: journal.store('versions', encoder.encode(state.server)),
  };
}
