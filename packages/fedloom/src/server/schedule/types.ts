/**
 * What goes into the coordinator and what comes out of it. `coordinator.ts` holds the machine and its rules,
 * `schedule.ts` what it remembers and what a schedule decides.
 *
 * `client` is a 0-based index, `session` the name of one connection. A *fold* takes updates until the schedule closes it and
 * then makes a version of the model; `round` is its number from 0. Version 0 is the model at the start; each fold makes
 * the next, unless it is void. `base` is the number of the version that a client starts from. `task` says which training of the client
 * it is: under `rounds` the round, under `buffered` how often the client was asked before. `attempt` counts how often the
 * same task was given out, from 0; a client and its task and attempt name one training, whatever session it comes back on.
 *
 * Fields count rounds from 0, texts from 1.
 */
import type { ClientIndex, VersionNumber } from '../../core/brands.js';
import type { Suspect } from '../../core/records.js';
import type { IndexRange } from '../../protocol/messages.js';
import type { JoinRefusal, TakeOver } from './reason-codes.js';

/** What happened. Anything that peers cause is legal at any time: a defined outcome, never an exception. */
export type CoordinatorEvent =
  /** The server takes clients from now on: the waits of `waitForClientsMs` and `noticeEveryMs` begin. */
  | { readonly type: 'opened' }
  | { readonly type: 'clientsJoined'; readonly session: string; readonly ranges: readonly IndexRange[] }
  | { readonly type: 'clientsLeft'; readonly session: string; readonly ranges: readonly IndexRange[] }
  | { readonly type: 'sessionClosed'; readonly session: string }
  /** An update is whole and checked; the shell holds it until `fold` or `discard` says what becomes of it. */
  | ({ readonly type: 'updateReceived' } & UpdateTag)
  /** The shell has refused an update after its checks, and has let go of its body. */
  | ({ readonly type: 'updateInvalid' } & UpdateTag & Reason)
  /** The client says that it could not train. */
  | ({ readonly type: 'clientFailed' } & UpdateTag & Reason)
  /** The shell has finished `aggregate`: the candidate, the next version, is there. */
  | { readonly type: 'aggregated'; readonly round: number }
  /**
   * Instead of `aggregated`, or of `serverEvaluated`: the candidate or its held-out loss is not finite. The shell goes back to
   * the version before. `suspects`: which of its updates stand out. Default none.
   */
  | ({ readonly type: 'aggregationVoided'; readonly round: number; readonly suspects?: readonly Suspect[] } & Reason)
  /** The record of `persist`, the version and the state that goes with it are on the disk. */
  | { readonly type: 'persisted'; readonly round: number }
  /** The shell holds the result until `recordEvaluation` or `discardEvaluation`. */
  | ({ readonly type: 'evaluationReceived' } & EvaluationTag)
  /** The client says that it could not evaluate. */
  | ({ readonly type: 'evaluationFailed' } & EvaluationTag & Reason)
  /** The session has said so much that was refused that nothing is read from it for a while: its evaluations are not waited for. */
  | { readonly type: 'evaluatorsUnread'; readonly session: string }
  | { readonly type: 'serverEvaluated'; readonly round: number }
  /** A timer set by `setTimer` has fired. One that was cleared may still fire: it is known by its name and ignored. */
  | { readonly type: 'deadline'; readonly timer: string }
  /** What was recorded says that the run has come to its end before its last round. */
  | { readonly type: 'stop'; readonly message: string }
  /** The run must end now: the user wishes it (`cancelled`), or the shell cannot go on (`failed`). */
  | ({ readonly type: 'abort'; readonly reason: 'cancelled' | 'failed' } & Reason);

/** What the shell must do, in the order given. */
export type CoordinatorEffect =
  /** These clients now belong to the session. Some may have been its own already. Answered by `joined`. */
  | { readonly type: 'acceptJoin'; readonly session: string; readonly ranges: readonly IndexRange[] }
  /** `join.range`: no such index; `join.held`: another live session holds it. */
  | ({
      readonly type: 'refuseJoin';
      readonly session: string;
      readonly ranges: readonly IndexRange[];
    } & Reason<JoinRefusal>)
  /** These clients, last asked for this task, belong to the session no more, but to another. `keeps`: it has others. */
  | ({
      readonly type: 'takeOver';
      readonly session: string;
      readonly task: number;
      readonly clients: readonly ClientIndex[];
      readonly keeps: boolean;
    } & Reason<TakeOver>)
  /** Let these clients train, from version `base`. Never a client with an update that is not settled. */
  | ({ readonly type: 'configure'; readonly base: VersionNumber } & ClientGroup)
  /** Take the update that the event brought into the fold. `staleness`: versions made since its base, and folds closed of which one is still to be made; 0 under `rounds`. */
  | ({
      readonly type: 'fold';
      readonly round: number;
      readonly base: VersionNumber;
      readonly staleness: number;
    } & UpdateTag)
  /**
   * Drop the update that the event brought; nothing needs to be sent. `update.late`, `update.repeated`,
   * `update.unknown-round`, `update.unknown-task`, `update.unknown-attempt`, `update.not-in-cohort`, `update.wrong-session`,
   * `update.stale`, `run.finished`.
   */
  | ({ readonly type: 'discard' } & UpdateTag & Reason)
  /**
   * What became of configured clients: `counted` ones commit their private state, the others drop it (and stop, if they
   * still train). Each task is settled once. A client that is absent then is told when it joins again. `attempt` is the one
   * that was folded, else the last; a client that was configured again in between settles whatever it holds for the task.
   * What was folded is settled after `persisted`, so that nothing is promised that can still be lost; that something did
   * not count is no promise, and is said at once.
   */
  | ({
      readonly type: 'settle';
      readonly counted: boolean;
      readonly code?: string;
      readonly reason?: string;
    } & ClientGroup)
  /** The fold takes no more updates. Finish it and make the candidate by the server update: `aggregated`, `aggregationVoided`. */
  | { readonly type: 'aggregate'; readonly round: number; readonly counted: readonly ClientIndex[] }
  /** Write down what the round decided, and the version that it made, if any: `persisted`. One at a time, in order. */
  | ({ readonly type: 'persist' } & RoundDecision)
  /** Nobody trains from this version any more, and it is not the newest: it may be forgotten. */
  | { readonly type: 'dropVersion'; readonly number: VersionNumber }
  /** Let these clients evaluate the model that the round produced, beside those of the session that do so already. */
  | {
      readonly type: 'requestEvaluation';
      readonly session: string;
      readonly round: number;
      readonly ranges: readonly IndexRange[];
    }
  /** Evaluate the candidate on the server's own data: `serverEvaluated`, `aggregationVoided`. */
  | { readonly type: 'evaluateOnServer'; readonly round: number }
  | ({ readonly type: 'recordEvaluation' } & EvaluationTag)
  /** `evaluation.late`, `evaluation.repeated`, `evaluation.unknown-round`, `evaluation.not-asked`, `evaluation.wrong-session`, `run.finished`. */
  | ({ readonly type: 'discardEvaluation' } & EvaluationTag & Reason)
  | RoundFinished
  /** Send the event `deadline` with this name after the delay, unless `clearTimer` comes first. */
  | { readonly type: 'setTimer'; readonly timer: string; readonly delayMs: number }
  | { readonly type: 'clearTimer'; readonly timer: string }
  /** Something a person should see: a lost client, a partial round, a wait that only a join can end. */
  | ({ readonly type: 'warn' } & Reason)
  /**
   * The run is over. Clients drop whatever was not settled. After this come only discards, and for who joins: `acceptJoin`,
   * the settlements that it has not been told, `dismiss`.
   */
  | ({ readonly type: 'finish'; readonly reason: 'completed' | 'failed' | 'cancelled' } & Reason)
  /** The session has come when the run was over, and has heard everything else: tell it that. */
  | { readonly type: 'dismiss'; readonly session: string };

/** What a round decided. */
export interface RoundDecision {
  readonly round: number;
  /** The clients that were meant: under `rounds` the sampled ones in the sampler's order, under `buffered` those that counted. */
  readonly cohort: readonly ClientIndex[];
  /** Ascending by client: it does not tell who came first. Empty in a void round. */
  readonly counted: readonly CountedUpdate[];
  /** Everyone who was to deliver, or did, and does not count; ascending by client. */
  readonly uncounted: readonly UncountedClient[];
  /** In the order in which it happened. */
  readonly replaced: readonly Replacement[];
  /** Clients that were away for a while when they were to train; ascending. */
  readonly awaited: readonly ClientIndex[];
  /**
   * Trainings for later folds that were asked for since the decision before, and go on; ascending by client. They end where they
   * are counted or uncounted. None under `rounds`. Whoever resumes asks for those again that have not ended.
   */
  readonly started: readonly Ongoing[];
  /** Where the schedule stands in the sampler's orders, if it asks clients one by one; else 0. */
  readonly position: number;
  /** Why the round changed nothing, and whose updates stand out; null: it made a version. */
  readonly voided: VoidReason | null;
  /** Of a void round: what was folded into its candidate; ascending by client. Else empty. */
  readonly voidUpdates: readonly CountedUpdate[];
  /** Clients that go into quarantine with it. Absent: none does. */
  readonly quarantined?: readonly Quarantined[];
}

/** What of a decision says whom to trust. */
export type BookedDecision = Pick<RoundDecision, 'round' | 'counted' | 'uncounted' | 'voided' | 'voidUpdates'>;

/** A client that is not asked in so many rounds from the next one on, for its offences. */
export interface Quarantined {
  readonly client: ClientIndex;
  readonly rounds: number;
}

export interface VoidReason extends Reason {
  /** Absent: none does. */
  readonly suspects?: readonly Suspect[];
}

export interface CountedUpdate {
  readonly client: ClientIndex;
  readonly base: VersionNumber;
  readonly task: number;
  readonly attempt: number;
  /** The newest version when it was taken in: how stale it was, and so how much it counts, follows from it. */
  readonly newest: VersionNumber;
}

/** A training that was asked for and has not come back. */
export interface Ongoing {
  readonly client: ClientIndex;
  readonly base: VersionNumber;
  readonly task: number;
  /** The last one that was given out by then. */
  readonly attempt: number;
}

/** `attempt` is the last one that was given out; null: the client was never asked. */
export interface UncountedClient extends Reason {
  readonly client: ClientIndex;
  readonly task: number;
  readonly attempt: number | null;
  /** Its update was refused for what it was. */
  readonly offence?: true;
  /** It was there, and missed a deadline. */
  readonly silent?: true;
}

/** A client that cannot train, or whose update cannot be used. */
export interface Failure extends UpdateTag, Reason {
  /** The update was refused for what it was. */
  readonly offence: boolean;
}

export interface Replacement {
  readonly client: ClientIndex;
  readonly by: ClientIndex;
  readonly reason: string;
}

/** Everything about a round is decided, written down and recorded. */
export interface RoundFinished extends Omit<RoundDecision, 'counted' | 'started' | 'position' | 'voidUpdates'> {
  readonly type: 'roundFinished';
  /** The clients whose updates counted, ascending. */
  readonly counted: readonly ClientIndex[];
  /** Null: no evaluation after this round. */
  readonly evaluated: EvaluationOutcome | null;
}

export interface EvaluationOutcome {
  /** Clients whose result was recorded. */
  readonly recorded: readonly IndexRange[];
  /** Clients that were asked and gave none. */
  readonly missing: readonly IndexRange[];
}

/** `code` is stable and machine-readable; `message` says what happened, where, and how to mend it. */
export interface Reason<Code extends string = string> {
  readonly code: Code;
  readonly message: string;
}

export interface UpdateTag {
  readonly session: string;
  readonly client: ClientIndex;
  readonly task: number;
  readonly attempt: number;
}

export interface EvaluationTag {
  readonly session: string;
  readonly round: number;
  readonly client: ClientIndex;
}

/** Clients of one session that share task and attempt. */
export interface ClientGroup {
  readonly session: string;
  readonly task: number;
  readonly attempt: number;
  readonly clients: readonly ClientIndex[];
}
