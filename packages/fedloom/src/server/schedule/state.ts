/** What the coordinator remembers: plain data, but for the schedule and its sampler in `options`. */
import type { Absence } from './absence.js';
import type { CoordinatorEffect, CountedUpdate, EvaluationOutcome, ResolvedOptions, RoundDecision } from './types.js';

/**
 * Used linearly: `step` may reuse and change what it was given, so a caller must never look at, or step, an old state again.
 * All but `options` can be cloned.
 */
export interface CoordinatorState {
  readonly options: ResolvedOptions;
  phase: 'waiting' | 'running' | 'finished';
  /** The fold that takes updates, or that took the last; before the start, the first. */
  round: number;
  /** Number of the newest version that clients may start from. */
  version: number;
  readonly membership: Membership;
  readonly absence: Absence;
  /** Clients with an update that was folded and is not settled. */
  readonly unsettled: Set<number>;
  /** Decisions that absent clients have not been told yet. */
  readonly owed: Map<number, Settlement>;
  /** How many train from each version. */
  readonly trainers: Map<number, number>;
  /** Folds that are closed and not finished; the first is on its way, the others wait for it. */
  readonly folds: ClosedFold[];
  /** The one under way on the clients. */
  evaluation: EvaluationState | null;
  readonly timers: Set<string>;
  voidInARow: number;
  /** What the schedule remembers. */
  readonly collection: object;
}

/** A fold on its way from `aggregate` to `roundFinished`. */
export interface ClosedFold {
  decision: RoundDecision;
  /** What was folded, and is settled when the decision is on the disk: counted, or void. */
  readonly folded: readonly CountedUpdate[];
  stage: 'waiting' | 'aggregating' | 'evaluating' | 'persisting' | 'persisted';
  /** What the clients' evaluation came to; `pending`: it is under way, or to come. */
  evaluated: EvaluationOutcome | 'pending' | null;
  /** The schedule knows that the version is there and evaluated. */
  concluded: boolean;
}

/** Which session holds which index. Sessions are linked lists over the clients, so that leaving costs what it frees. */
export interface Membership {
  /** Slot in `sessions` for each client; -1: absent. */
  readonly holder: Int32Array;
  readonly next: Int32Array;
  readonly previous: Int32Array;
  readonly sessions: (SessionEntry | null)[];
  readonly slots: Map<string, number>;
  readonly freeSlots: number[];
  present: number;
}

export interface SessionEntry {
  readonly name: string;
  /** First client of its list; -1: none. */
  head: number;
}

export interface Settlement {
  readonly task: number;
  readonly attempt: number;
  readonly counted: boolean;
  readonly reason?: string;
}

export interface EvaluationState {
  readonly round: number;
  /** 0: not asked, 1: pending, 2: recorded, 3: missing. */
  readonly status: Uint8Array;
  pending: number;
  recorded: number;
  timer: string | null;
  /** What the first clients that failed said, to be shown at the end. */
  readonly failures: string[];
}

export interface Step {
  readonly state: CoordinatorState;
  readonly effects: readonly CoordinatorEffect[];
}
