/** Parts of what the coordinator remembers: plain data. */
import type { ClientIndex, VersionNumber } from '../../core/brands.js';
import type { BookedDecision, CountedUpdate, EvaluationOutcome, Ongoing, RoundDecision } from './types.js';

/** A fold on its way from `aggregate` to `roundFinished`. */
export interface ClosedFold {
  decision: RoundDecision;
  /** What was folded, and is settled when the decision is on the disk: counted, or void. */
  readonly folded: readonly CountedUpdate[];
  stage: 'waiting' | 'aggregating' | 'evaluating' | 'persisting' | 'persisted';
  /** Who evaluates nothing of it, ascending: the clients that were not to be asked in its round, and those that let its deadline pass. */
  barred: readonly ClientIndex[];
  /** What the clients' evaluation came to; `pending`: it is under way, or to come. */
  evaluated: EvaluationOutcome | 'pending' | null;
  /** The schedule knows that the version is there and evaluated. */
  concluded: boolean;
  /** Versions that somebody has stopped to train from since it was closed, and that are kept until it is handed to the disk. */
  readonly released: VersionNumber[];
}

export interface EvaluationState {
  readonly round: number;
  /** 0: not asked, 1: pending, 2: recorded, 3: missing, 4: away. */
  readonly status: Uint8Array;
  pending: number;
  timer: string | null;
  /** The clients' time is over: nobody is asked any more. */
  closed: boolean;
  /** Sessions that were not read from for a while: their clients lose turns for it once. */
  readonly unread: Set<string>;
  /** What the first clients that failed said, to be shown at the end. */
  readonly failures: Map<string, ClientIndex[]>;
}

/** Who is not asked for a while. */
export interface Trust {
  /** Updates that were refused, since the client's last quarantine. */
  readonly offences: Map<ClientIndex, number>;
  readonly quarantines: Map<ClientIndex, Quarantine>;
  readonly silences: Map<ClientIndex, Silence>;
}

export interface Quarantine {
  /** The round from which on it is asked again. */
  readonly until: number;
  /** Which of its quarantines this is, from 1. */
  readonly times: number;
}

/** Of a client that was there and missed deadlines. */
export interface Silence {
  /** How many, since it last answered. */
  readonly missed: number;
  /** Turns that it still loses. Under `rounds` it has one where it is sampled. */
  readonly skips: number;
  /** Under other schedules: the round from which on it is asked again. */
  readonly until: number;
}

/** Who is away, and for how long. */
export interface Absence {
  /** 1: the client has been away for longer than the grace. */
  readonly missed: Uint8Array;
  /** How often each client has left. */
  readonly departures: Uint32Array;
  /** Whose grace ends with each timer, and how often they had left when it began. */
  readonly graces: Map<string, readonly { readonly client: ClientIndex; readonly departures: number }[]>;
  /** How many graces have begun: each has a timer with a name of its own. */
  graceCount: number;
  /** The wait for the first clients has begun. */
  opened: boolean;
  /** How often it was said who is missing before the first round. */
  notices: number;
  /** Before the first round: the notice after which a client has left. */
  readonly leftAfter: Map<ClientIndex, number>;
}

/** Where a run goes on: what `persist` wrote, put together. */
export interface ResumePoint {
  readonly firstRound: number;
  /** The newest: as many as rounds, less those that were void. */
  readonly version: VersionNumber;
  /**
   * What was decided last about each client, and before it what counted last, if that did not: told again when it joins, for the first
   * time may have been lost, and its private state rests on what counted.
   */
  readonly settled: ReadonlyMap<ClientIndex, readonly LastSettlement[]>;
  /** How often each client was asked, for those that were. */
  readonly tasks: ReadonlyMap<ClientIndex, number>;
  /** Who trained then, ascending by client. */
  readonly ongoing: readonly Ongoing[];
  readonly position: number;
  /** Void rounds at the end. */
  readonly voidInARow: number;
  /** All that was decided, in order: who is not to be asked follows from it. */
  readonly decisions: readonly BookedDecision[];
  /** The last round, if it was decided but not recorded: its clients' evaluation, if due, is made again first. */
  readonly unrecorded?: RoundDecision;
}

export interface LastSettlement {
  readonly task: number;
  readonly attempt: number;
  readonly counted: boolean;
  readonly code?: string;
  readonly reason?: string;
}
