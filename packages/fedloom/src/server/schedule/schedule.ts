/** What the coordinator remembers, and what it leaves to a schedule. */
import type { ClientIndex, VersionNumber } from '../../core/brands.js';
import type { IndexRange } from '../../protocol/messages.js';
import type { Membership } from './membership.js';
import type { Output, Settlement } from './output.js';
import type { Absence, ClosedFold, EvaluationState, ResumePoint, Silence, Trust } from './state.js';
import type { CoordinatorEffect, Failure, Reason, UpdateTag } from './types.js';

/**
 * When whom is asked to train, from which version, and when the fold is closed. Everything else (who is there, what becomes of
 * a closed fold, the disk, settlement, evaluation, the end) is common to all schedules.
 *
 * A schedule is pure: what it remembers is plain data in `state.collection`, and it acts through `output` and through
 * `closeFold` (folds.ts). Each method is called after the common part of the state has changed. None may throw, but for
 * `check` and a user's sampler.
 */
export interface Schedule {
  /** Camel case, as the function that makes it. */
  readonly name: string;
  /** What people call a client's task, before its number from 1: `round` where it is one. */
  readonly taskNoun: string;
  /** Updates without which no version is made: so many clients are always left to be asked. */
  readonly quorum: number;
  /** All settings with their values, for records. */
  readonly settings: Readonly<Record<string, number | string | null>>;
  /** @throws FedloomError `coordinator.options` when it does not fit this federation */
  check(options: Pick<CoordinatorOptions, 'clients' | 'rounds'>): void;
  /** What it remembers at the start. */
  initial(options: Pick<CoordinatorOptions, 'clients' | 'rounds'>): object;
  /** Takes up what it remembered when the run was interrupted. `start` follows once enough clients are there. */
  resume(state: CoordinatorState, point: ResumePoint): void;
  /** Enough clients are there: fold `state.round` opens. */
  start(state: CoordinatorState, output: Output): void;
  /** These clients, who were away, have joined; what they were owed is told. Some may have an update that is not settled. */
  arrived(state: CoordinatorState, clients: readonly ClientIndex[], output: Output): void;
  departed(state: CoordinatorState, clients: readonly ClientIndex[], output: Output): void;
  /** These clients have been away for longer than the grace. */
  missed(state: CoordinatorState, clients: readonly ClientIndex[], output: Output): void;
  /** Updates of these clients have just been settled: they may be asked again, those that are there. */
  settled(state: CoordinatorState, clients: readonly ClientIndex[], output: Output): void;
  /** The version that the client was asked to train from last; undefined: it is not asked now. */
  askedFrom(state: CoordinatorState, client: ClientIndex): VersionNumber | undefined;
  /** Why an update must not be folded; null: it may. The client's session and the end of the run are checked before. */
  refuse(state: CoordinatorState, tag: UpdateTag): Reason | null;
  /** An update that was not refused: it is folded or discarded now. */
  received(state: CoordinatorState, tag: UpdateTag, output: Output): void;
  /** A client of which an update would not have been refused cannot train, or its update cannot be used. */
  failed(state: CoordinatorState, event: Failure, output: Output): void;
  /** The task that a client was asked for last; 0: none was. */
  lastTask(state: CoordinatorState, client: ClientIndex): number;
  /** A timer of the schedule has fired. */
  deadline(state: CoordinatorState, timer: string, output: Output): void;
  /**
   * `state.version` is one further and evaluated, if that was due; its candidate passed, or was void. There are further rounds
   * to come. It need not be on the disk yet.
   */
  evaluated(state: CoordinatorState, output: Output): void;
  /** The clients that are to evaluate what a round made, those of them that are there. Absent, or undefined: all. */
  evaluators?(round: number): readonly IndexRange[] | undefined;
}

export interface CoordinatorOptions {
  /** Clients in the federation: indices are below this. */
  readonly clients: number;
  /** How many rounds the whole run has: folds, and so versions. */
  readonly rounds: number;
  /** When whom is asked to train, and when a fold is closed: `rounds({...})`, `buffered({...})`. */
  readonly schedule: Schedule;
  /** The first round to run, when a run goes on from a journal. Default 0. */
  readonly firstRound?: number;
  /** The number that attempts start from, when a run goes on: more than any that was given out before. Default 0. */
  readonly firstAttempt?: number;
  /** Evaluation after every round with `round % evaluateEvery === 0`, and after the last. 0: only after the last. Default 1. */
  readonly evaluateEvery?: number;
  /** Clients that must have joined before the first round starts. Default: all. */
  readonly minimumClients?: number;
  /** Default true. */
  readonly evaluateOnClients?: boolean;
  /** Default false. */
  readonly evaluateOnServer?: boolean;
  /**
   * Clients evaluate a model only once they know what became of their updates, for what they keep is used in it. Otherwise
   * they evaluate while the server does and while the disk writes. Default false.
   */
  readonly evaluateAfterSettlement?: boolean;
  /** How long an evaluation waits for the clients, in milliseconds. Default null: without end. */
  readonly evaluationDeadlineMs?: number | null;
  /**
   * How long a client may be away before others take its place, in milliseconds. 0: not at all. Default null: until the
   * schedule's deadline, as one that trains; where there is none, until nobody else trains and another client is there.
   */
  readonly graceMs?: number | null;
  /** How long the run waits for `minimumClients` before it fails, in milliseconds. Default null: without end. */
  readonly waitForClientsMs?: number | null;
  /** How often a run that waits for its clients says whom it misses, in milliseconds. Default null: never. */
  readonly noticeEveryMs?: number | null;
  /** Void rounds in a row that end the run as failed. Default 3. */
  readonly voidRoundsMax?: number;
  /** Updates of a client that are refused for what they are before it goes into quarantine. Default null: it never does. */
  readonly quarantineAfter?: number | null;
}

export type ResolvedOptions = Required<CoordinatorOptions>;

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
  version: VersionNumber;
  readonly membership: Membership;
  readonly absence: Absence;
  /** Clients with an update that was folded and is not settled. */
  readonly unsettled: Set<ClientIndex>;
  /** Decisions that absent clients have not been told yet. */
  readonly owed: Map<ClientIndex, Settlement[]>;
  /** How many train from each version. */
  readonly trainers: Map<VersionNumber, number>;
  /** Folds that are closed and not finished; the first is on its way, the others wait for it. */
  readonly folds: ClosedFold[];
  /** The one under way on the clients. */
  evaluation: EvaluationState | null;
  readonly timers: Set<string>;
  voidInARow: number;
  readonly trust: Trust;
  /** Clients that are there and let a deadline pass: whoever else asks for their index gets it, unless they answer before. */
  readonly overdue: Set<ClientIndex>;
  /** Clients that let the deadline of an evaluation pass: how many in a row, and how many evaluations they still lose. */
  readonly unheard: Map<ClientIndex, Pick<Silence, 'missed' | 'skips'>>;
  /** What the schedule remembers. */
  readonly collection: object;
}

export interface Step {
  readonly state: CoordinatorState;
  readonly effects: readonly CoordinatorEffect[];
}
