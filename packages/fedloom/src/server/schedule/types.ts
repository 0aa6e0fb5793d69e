/**
 * What goes into the coordinator and what comes out of it. `coordinator.ts` holds the machine and its rules.
 *
 * `client` is a 0-based index, `session` the name of one connection, `round` counts from 0, `attempt` counts the
 * configurations of one place in the cohort, from 0: whoever takes the place over goes on counting.
 */
import type { IndexRange } from '../../protocol/messages.js';
import type { Sampler } from './sampling.js';

export interface CoordinatorOptions {
  /** Clients in the federation: indices are below this. */
  readonly clients: number;
  /** Size of a cohort; at most `clients`. */
  readonly clientsPerRound: number;
  /** How many rounds the whole run has. */
  readonly rounds: number;
  /** The first round to run, when a run goes on from a checkpoint. Default 0. */
  readonly firstRound?: number;
  /** Evaluation after every round with `round % evaluateEvery === 0`, and after the last. 0: only after the last. Default 1. */
  readonly evaluateEvery?: number;
  /** Clients that must have joined before the first round starts. Default: all. */
  readonly minimumClients?: number;
  /** How long a round waits for its cohort, in milliseconds. Default null: without end. */
  readonly deadlineMs?: number | null;
  /** Updates that suffice once the deadline has passed. Default: half of the cohort, rounded up. */
  readonly quorum?: number;
  /** How often the deadline of one round is extended before the run fails. Default 3. */
  readonly attemptsMax?: number;
  /** Default `fedmlSampling()`. */
  readonly sampler?: Sampler;
  /** Default true. */
  readonly evaluateOnClients?: boolean;
  /** Default false. */
  readonly evaluateOnServer?: boolean;
  /** How long an evaluation waits for the clients, in milliseconds. Default null: without end. */
  readonly evaluationDeadlineMs?: number | null;
}

export type ResolvedOptions = Required<CoordinatorOptions>;

/** What happened. Anything that peers cause is legal at any time: a defined outcome, never an exception. */
export type CoordinatorEvent =
  | { readonly type: 'clientsJoined'; readonly session: string; readonly ranges: readonly IndexRange[] }
  | { readonly type: 'clientsLeft'; readonly session: string; readonly ranges: readonly IndexRange[] }
  | { readonly type: 'sessionClosed'; readonly session: string }
  /** An update is whole and checked; the shell holds it until `fold` or `discard` says what becomes of it. */
  | ({ readonly type: 'updateReceived' } & UpdateTag)
  /** The shell has refused an update after its checks, and has let go of its body. */
  | ({ readonly type: 'updateInvalid' } & UpdateTag & Reason)
  /** The client says that it could not train. */
  | ({ readonly type: 'clientFailed' } & UpdateTag & Reason)
  /** The shell has finished `aggregate`: the new model and its checkpoint are safe. */
  | { readonly type: 'aggregated'; readonly round: number }
  /** The shell holds the result until `recordEvaluation` or `discardEvaluation`. */
  | ({ readonly type: 'evaluationReceived' } & EvaluationTag)
  /** The client says that it could not evaluate. */
  | ({ readonly type: 'evaluationFailed' } & EvaluationTag & Reason)
  | { readonly type: 'serverEvaluated'; readonly round: number }
  /** A timer set by `setTimer` has fired. One that was cleared may still fire: it is known by its name and ignored. */
  | { readonly type: 'deadline'; readonly timer: string }
  /** The run must end now: the user wishes it (`cancelled`), or the shell cannot go on (`failed`). */
  | ({ readonly type: 'abort'; readonly reason: 'cancelled' | 'failed' } & Reason);

/** What the shell must do, in the order given. */
export type CoordinatorEffect =
  /** These clients now belong to the session. Some may have been its own already. Answered by `joined`. */
  | { readonly type: 'acceptJoin'; readonly session: string; readonly ranges: readonly IndexRange[] }
  /** `join.range`: no such index; `join.held`: another live session holds it; `run.finished`. */
  | ({ readonly type: 'refuseJoin'; readonly session: string; readonly ranges: readonly IndexRange[] } & Reason)
  /** Let these clients train, from the model of the round. */
  | ({ readonly type: 'configure' } & ClientGroup)
  /** Fold the update that the event brought into the round's aggregate. */
  | ({ readonly type: 'fold' } & UpdateTag)
  /**
   * Drop the update that the event brought; nothing needs to be sent. `update.late`, `update.repeated`,
   * `update.unknown-round`, `update.unknown-attempt`, `update.not-in-cohort`, `update.wrong-session`, `run.finished`.
   */
  | ({ readonly type: 'discard' } & UpdateTag & Reason)
  /**
   * What became of configured clients: `counted` ones commit their private state, the others drop it (and stop, if they
   * still train). Each configured client is settled once a round. A client that is absent then is told when it joins
   * again. `attempt` is the one that was folded, else the last; a client that was configured again in between settles
   * whatever it holds for the round. `counted: true` comes after `aggregated`, so a state never commits to a round that can still be lost.
   */
  | ({ readonly type: 'settle'; readonly counted: boolean; readonly reason?: string } & ClientGroup)
  /** The round takes no more updates. Finish the aggregate, run the server update, write the checkpoint: `aggregated`. */
  | { readonly type: 'aggregate'; readonly round: number; readonly counted: readonly number[] }
  /** Let these clients evaluate the model that the round produced. */
  | {
      readonly type: 'requestEvaluation';
      readonly session: string;
      readonly round: number;
      readonly ranges: readonly IndexRange[];
    }
  /** Evaluate on the server's own data: `serverEvaluated`. */
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
  /** The run is over; after this only refusals and discards come. Clients drop whatever was not settled. */
  | ({ readonly type: 'finish'; readonly reason: 'completed' | 'failed' | 'cancelled' } & Reason);

/** Everything about a round is decided and recorded. */
export interface RoundFinished {
  readonly type: 'roundFinished';
  readonly round: number;
  /** The sampled clients, in the sampler's order. */
  readonly cohort: readonly number[];
  /** The clients whose updates counted (cohort members or replacements), ascending: it does not tell who came first. */
  readonly counted: readonly number[];
  /** Null: no evaluation after this round. */
  readonly evaluated: EvaluationOutcome | null;
}

export interface EvaluationOutcome {
  /** Clients whose result was recorded. */
  readonly clients: number;
  /** Clients that were asked and gave none. */
  readonly missing: readonly IndexRange[];
}

/** `code` is stable and machine-readable; `message` says what happened, where, and how to mend it. */
export interface Reason {
  readonly code: string;
  readonly message: string;
}

export interface UpdateTag {
  readonly session: string;
  readonly client: number;
  readonly round: number;
  readonly attempt: number;
}

export interface EvaluationTag {
  readonly session: string;
  readonly round: number;
  readonly client: number;
}

/** Clients of one session that share round and attempt. */
export interface ClientGroup {
  readonly session: string;
  readonly round: number;
  readonly attempt: number;
  readonly clients: readonly number[];
}

export interface Step {
  readonly state: CoordinatorState;
  readonly effects: readonly CoordinatorEffect[];
}

/**
 * Plain data. Used linearly: `step` may reuse and change what it was given, so a caller must never look at, or step, an
 * old state again. Only `options.sampler` is not cloneable.
 */
export interface CoordinatorState {
  readonly options: ResolvedOptions;
  phase: 'waiting' | 'training' | 'aggregating' | 'evaluating' | 'finished';
  /** The current round; before the start, the first one. */
  round: number;
  readonly membership: Membership;
  /** Null before the first round. */
  training: TrainingState | null;
  /** Null unless the phase is `evaluating`. */
  evaluation: EvaluationState | null;
  /** Decisions that absent clients have not been told yet. */
  readonly owed: Map<number, Settlement>;
  /** The next round's preference order, drawn ahead while the clients train. */
  nextOrder: Int32Array | null;
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
  readonly round: number;
  readonly attempt: number;
  readonly counted: boolean;
  readonly reason?: string;
}

/** The collection of one round's updates. */
export interface TrainingState {
  readonly order: Int32Array;
  /** Everyone who has a place in the cohort or had one in this round. */
  readonly members: Map<number, Member>;
  /** The client in each place; -1: the place is lost. */
  readonly places: Int32Array;
  /** The attempt that the next configuration of each place gets. */
  readonly nextAttempt: Int32Array;
  readonly lostPlaces: number[];
  /** Present clients without a place in this round, made when first needed. */
  spares: Spares | null;
  /** Places by state; they and `lostPlaces` add up to the cohort. */
  awaited: number;
  working: number;
  folded: number;
  /** How often the deadline has been extended. */
  extensions: number;
  timer: string | null;
  warnedIdle: boolean;
}

export interface Member {
  readonly client: number;
  readonly place: number;
  /** awaited: absent; working: configured and present; folded: its update came; dropped: it failed or was replaced. */
  status: 'awaited' | 'working' | 'folded' | 'dropped';
  /** Attempts it was configured with: first to last; -1: never. */
  firstAttempt: number;
  lastAttempt: number;
  /** The attempt whose update was folded. */
  foldedAttempt: number;
}

/** A set of positions in the preference order whose smallest is found in O(log32 n). */
export interface Spares {
  /** Where each client stands in the order. */
  readonly position: Int32Array;
  /** Bit sets, each the summary of the one before; the last has one word. */
  readonly levels: readonly Uint32Array[];
}

export interface EvaluationState {
  /** 0: not asked, 1: pending, 2: recorded, 3: missing. */
  readonly status: Uint8Array;
  pending: number;
  recorded: number;
  serverPending: boolean;
  timer: string | null;
  /** What the first clients that failed said, to be shown at the end. */
  readonly failures: string[];
}
