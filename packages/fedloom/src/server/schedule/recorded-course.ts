import { FedloomError } from '@fedloom/engine';
import { type ClientIndex, nextVersion, type VersionNumber } from '../../core/brands.js';
import type { IndexRange } from '../../protocol/messages.js';
import type { CountedUpdate } from './types.js';

/** What the journal of a run says of one of its folds. */
export interface RecordedFold {
  /** What was folded: it counted, unless the round was void. */
  readonly updates: readonly CountedUpdate[];
  readonly isVoid: boolean;
  /** The clients that evaluated what it made; absent: nothing is known of them. */
  readonly evaluators?: readonly IndexRange[];
}

/** An update, and the round into whose fold it goes. */
export interface RecordedUpdate extends CountedUpdate {
  readonly round: number;
}

/** The decisions of a run, as those who follow them look them up. */
export interface RecordedCourse {
  readonly folds: readonly RecordedFold[];
  /** By client: its updates in the order in which it trained. */
  readonly ofClient: ReadonlyMap<ClientIndex, readonly RecordedUpdate[]>;
  /** By version: the clients with an update that starts from it. */
  readonly startingFrom: ReadonlyMap<VersionNumber, ReadonlySet<ClientIndex>>;
  /** By version: how many updates were taken in while it was the newest. */
  readonly takenAt: ReadonlyMap<VersionNumber, number>;
  /** The most updates that are under way, or wait for their turn, when a version is made. */
  readonly aheadMax: number;
}

/**
 * @param folds of the rounds from the first on
 * @throws FedloomError `replay.decisions` for what no run can have decided
 */
export function recordedCourse(folds: readonly RecordedFold[], clients: number): RecordedCourse {
  const ofClient = new Map<ClientIndex, RecordedUpdate[]>();
  const startingFrom = new Map<VersionNumber, Set<ClientIndex>>();
  const takenAt = new Map<VersionNumber, number>();
  /** By version: how many more updates are ahead of it when it is made than when the one before was. */
  const aheadSince = new Map<number, number>();
  /** The newest version when each round was decided. */
  const after: VersionNumber[] = [];
  let version = nextVersion();
  for (const [round, { updates, isVoid }] of folds.entries()) {
    if (updates.length === 0) throw impossible(round, 'nothing was folded');
    for (const update of updates) {
      const { client, base, newest } = update;
      const own = ofClient.get(client) ?? [];
      const last = own.at(-1);
      const problem = problemOf(update, { clients, version, ...(last && { last, settledAt: after[last.round] }) });
      if (problem !== undefined) throw impossible(round, `the update of client ${client} ${problem}`);
      own.push({ ...update, round });
      ofClient.set(client, own);
      startingFrom.set(base, (startingFrom.get(base) ?? new Set()).add(client));
      add(takenAt, newest, 1);
      // Of versions from base + 1 to newest, it was ahead.
      add(aheadSince, base + 1, 1);
      add(aheadSince, newest + 1, -1);
    }
    if (!isVoid) version = nextVersion(version);
    after.push(version);
  }
  return { folds, ofClient, startingFrom, takenAt, aheadMax: largestSum(aheadSince, version) };
}

interface Circumstances {
  readonly clients: number;
  /** The newest that the rounds before had made. */
  readonly version: VersionNumber;
  /** The client's update before this one, and the newest version when that was settled; undefined: it is of this round. */
  readonly last?: RecordedUpdate;
  readonly settledAt?: VersionNumber | undefined;
}

function problemOf(
  { client, base, task, newest }: CountedUpdate,
  { clients, version, last, settledAt }: Circumstances,
): string | undefined {
  if (client >= clients) return `is not of the federation's ${clients} clients`;
  if (base > newest) return `starts from version ${base}, and was taken in at version ${newest}`;
  if (newest > version) return `was taken in at version ${newest}, and no round before had made that`;
  if (last === undefined) return undefined;
  if (settledAt === undefined) return 'is there twice';
  if (task <= last.task) return `is of task ${task}, and one of task ${last.task} was folded before`;
  if (base < settledAt) return `starts from version ${base}, while its last was settled at version ${settledAt}`;
  return undefined;
}

function add<Key>(counts: Map<Key, number>, key: Key, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}

function largestSum(steps: ReadonlyMap<number, number>, last: number): number {
  let [sum, largest] = [0, 0];
  for (let at = 0; at <= last; at += 1) {
    sum += steps.get(at) ?? 0;
    largest = Math.max(largest, sum);
  }
  return largest;
}

function impossible(round: number, why: string): FedloomError {
  const message =
    `What the journal says of round ${round + 1} cannot have been: ${why}. ` +
    'It was changed by hand, or written by another program; replay the run from a copy of its folder.';
  return new FedloomError('replay.decisions', message, { round });
}
