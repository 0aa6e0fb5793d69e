import type { ClientIndex, Hash, VersionNumber } from '../core/brands.js';
import type { ReportedResults, RoundRecord } from '../core/records.js';

/** JSON without surprises. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** Everything a journal says; `recover` makes the state of a run of it. Hashes are `sha256:<hex>`. */
export type JournalRecord =
  | RunDescription
  | ProcessStart
  | VersionMade
  | RoundDecided
  | PrivateStates
  | ClientsKnown
  | RoundEvaluated
  | RunFinished;

/** What the run is. The first record, and there only. */
export interface RunDescription {
  readonly kind: 'run';
  readonly run: string;
  readonly task: { readonly name: string; readonly hash: Hash };
  /** The hash of its bytes, which lie in `plans/` if they were kept; null for trainer objects. */
  readonly plan: { readonly hash: Hash } | null;
  /** With all of its settings. */
  readonly algorithm: Json;
  /** Everything else that the result depends on: clients, rounds, schedule, stages, fold. */
  readonly options: { readonly [name: string]: Json };
  readonly seed: number;
  readonly versions: { readonly fedloom: string; readonly [software: string]: string };
  /** The kind of processor that it was begun on, on which alone a run that goes on is equal to the bit. */
  readonly processor?: { readonly model: string; readonly architecture: string; readonly platform: string };
}

/** A process took the run up. */
export interface ProcessStart {
  readonly kind: 'started';
  /** Every attempt of this process is at least this, and less than that of the next. */
  readonly attemptBase: number;
  /** ISO 8601. */
  readonly at: string;
}

/** A version of the run's models, by their names, with the algorithm's server state. */
export interface VersionMade {
  readonly kind: 'version';
  readonly number: VersionNumber;
  /** The round that made it; -1: what the run began with. */
  readonly round: number;
  readonly models: {
    readonly [model: string]: {
      /** Of the `model` body, by which updates name it. */
      readonly hash: Hash;
      /** Of the bytes in the blob. */
      readonly blob: Hash;
      /** Blob of its frozen parameters, which that one lacks: the same for every version. */
      readonly frozen?: Hash;
    };
  };
  /** Blob of the algorithm's server state and its slots; null where there is none. */
  readonly state: Hash | null;
  /** Older versions that are still needed beside the last two: somebody trains from them. */
  readonly needs: readonly VersionNumber[];
}

/** What a round came to, decided once and for all: whoever is named here may be told. */
export interface RoundDecided {
  readonly kind: 'round';
  /** From 0; under `buffered` the number of the server update. */
  readonly round: number;
  /** `void`: no update counts, and the version stays what it was. */
  readonly outcome: 'counted' | 'void';
  readonly reason?: { readonly code: string; readonly message: string };
  /** Ascending by client. Empty in a void round. */
  readonly counted: readonly CountedUpdate[];
  /** Of a void round: what was folded into its candidate; ascending by client. Else empty. */
  readonly voidUpdates: readonly CountedUpdate[];
  /** Asked to train, and not counted. */
  readonly refused: readonly {
    readonly client: ClientIndex;
    readonly task: number;
    readonly attempt: number;
    readonly code: string;
  }[];
  /** Whose place went to somebody else; `by` null: to nobody. */
  readonly replaced: readonly {
    readonly client: ClientIndex;
    readonly by: ClientIndex | null;
    readonly code: string;
  }[];
  /** The server's evaluation of the candidate; null: none. */
  readonly serverResults: ReportedResults | null;
  /** What the schedule needs to go on from here, as it says itself: a virtual clock and who trains from what, for instance. */
  readonly schedule?: Json;
}

export interface CountedUpdate {
  readonly client: ClientIndex;
  readonly task: number;
  readonly attempt: number;
  /** Number of the version it started from. */
  readonly base: VersionNumber;
  /** Number of the newest version when it was taken in: how stale it was follows from it. */
  readonly newest: VersionNumber;
}

/** Private state of simulated clients that counted, in the same entry as their round. */
export interface PrivateStates {
  readonly kind: 'privateState';
  readonly states: readonly { readonly client: ClientIndex; readonly task: number; readonly blob: Hash }[];
}

/** Who holds which indices. Later records add to earlier ones, index by index. */
export interface ClientsKnown {
  readonly kind: 'clients';
  readonly ranges: readonly { readonly from: number; readonly count: number; readonly identity: string }[];
}

/** The line of a round as it stands in `metrics.jsonl`, after its evaluation. */
export interface RoundEvaluated {
  readonly kind: 'evaluation';
  readonly round: number;
  readonly report: RoundRecord;
  /** The clients whose results the report is made of; null: none were asked. */
  readonly evaluators: readonly { readonly from: number; readonly count: number }[] | null;
}

/** All rounds are done. A run that was cancelled or failed has not finished. */
export interface RunFinished {
  readonly kind: 'finished';
  readonly rounds: number;
  readonly modelHash: Hash;
}
