import type { ClientIndex, Hash } from '../core/brands.js';
import type { RoundRecord } from '../core/records.js';
import type {
  ClientsKnown,
  JournalRecord,
  RoundDecided,
  RoundEvaluated,
  RunDescription,
  RunFinished,
  VersionMade,
} from './record.js';

/** A run as its journal tells it: the last state of which everything is on disk. */
export interface Recovered {
  readonly run: RunDescription;
  /** How often a process took it up. */
  readonly starts: number;
  /** Every attempt of the next process must be at least this. */
  readonly nextAttemptBase: number;
  /** The last version and those that are needed beside it, ascending by number; none: the run had not begun to train. */
  readonly versions: readonly VersionMade[];
  /** Rounds that were decided, void ones included: the number of the next. */
  readonly rounds: number;
  /** The rounds in order. */
  readonly decided: readonly RoundDecided[];
  readonly lastRound: RoundDecided | undefined;
  /** Hash of the blob with each client's private state. */
  readonly privateStates: ReadonlyMap<ClientIndex, { readonly task: number; readonly blob: Hash }>;
  /** Who holds which indices, as it was told: what comes later counts. */
  readonly identities: ClientsKnown['ranges'];
  /** The lines of `metrics.jsonl`, ascending by round. A round that was decided and lacks one is to be evaluated again. */
  readonly reports: ReadonlyMap<number, RoundRecord>;
  /** By round: the clients whose results are in its report; null: none were asked. */
  readonly evaluators: ReadonlyMap<number, RoundEvaluated['evaluators']>;
  /** By the round that made it, -1 for what the run began with: the hash of each model, by its name. */
  readonly hashes: ReadonlyMap<number, Readonly<Record<string, Hash>>>;
  readonly finished: RunFinished | undefined;
}

/** Attempts of one process: nobody is asked so often between two crashes. */
export const ATTEMPTS_PER_START = 2 ** 16;

/** The state of the run after these records; undefined when it has none. Pure. */
export function recover(records: Iterable<JournalRecord>): Recovered | undefined {
  let run: RunDescription | undefined;
  let starts = 0;
  let nextAttemptBase = 0;
  let versions: readonly VersionMade[] = [];
  let finished: RunFinished | undefined;
  const decided: RoundDecided[] = [];
  const privateStates = new Map<ClientIndex, { readonly task: number; readonly blob: Hash }>();
  const identities: ClientsKnown['ranges'][number][] = [];
  const reports = new Map<number, RoundRecord>();
  const evaluators = new Map<number, RoundEvaluated['evaluators']>();
  const hashes = new Map<number, Readonly<Record<string, Hash>>>();
  for (const record of records) {
    switch (record.kind) {
      case 'run':
        run ??= record;
        break;
      case 'started':
        starts += 1;
        nextAttemptBase = record.attemptBase + ATTEMPTS_PER_START;
        break;
      case 'version':
        versions = stillNeeded(versions, record);
        hashes.set(record.round, hashesOf(record));
        break;
      case 'round':
        decided.push(record);
        break;
      case 'privateState':
        for (const { client, task, blob } of record.states) privateStates.set(client, { task, blob });
        break;
      case 'clients':
        for (const range of record.ranges) identities.push(range);
        break;
      case 'evaluation':
        reports.set(record.round, record.report);
        evaluators.set(record.round, record.evaluators);
        break;
      case 'finished':
        finished = record;
    }
  }
  if (run === undefined) return undefined;
  const lastRound = decided.at(-1);
  const rounds = lastRound === undefined ? 0 : lastRound.round + 1;
  const state = { run, starts, nextAttemptBase, versions, rounds, decided, lastRound, finished };
  return { ...state, privateStates, identities, reports, evaluators, hashes };
}

/** The versions that stay on disk when `made` is there: it, the one before it, and what it says is needed. */
export function stillNeeded(versions: readonly VersionMade[], made: VersionMade): readonly VersionMade[] {
  const needs = new Set(made.needs);
  const older = versions.filter(({ number }) => number < made.number);
  return [...older.filter(({ number }, i) => i === older.length - 1 || needs.has(number)), made];
}

function hashesOf({ models }: VersionMade): Readonly<Record<string, Hash>> {
  return Object.fromEntries(Object.entries(models).map(([name, { hash }]) => [name, hash]));
}

/** The blobs of a version, by their hashes. */
export function blobsOf({ models, state }: VersionMade): Hash[] {
  return [...modelBlobs(models), ...(state === null ? [] : [state])];
}

/** The blobs of a version's models. */
export function modelBlobs(models: VersionMade['models']): Hash[] {
  return Object.values(models).flatMap(({ blob, frozen }) => (frozen === undefined ? [blob] : [blob, frozen]));
}
