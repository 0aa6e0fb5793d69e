import type { NamedTensors } from '@fedloom/engine';
import type { Hash } from './brands.js';

/** Named results of an evaluation: numbers or lists of numbers. */
export type Results = Readonly<Record<string, number | readonly number[]>>;

/** A result as it is reported: a number, a list of numbers, a matrix as the list of its rows, and so on. */
export type ReportedResult = number | readonly ReportedResult[];

/** Results as they are reported, by name. */
export type ReportedResults = Readonly<Record<string, ReportedResult>>;

/** Results of which these, where they are there, are single numbers: those of a task's metrics. */
export type NamedResults<Name extends string> = string extends Name
  ? ReportedResults
  : ReportedResults & Readonly<Partial<Record<Name, number>>>;

/** One round as it is reported, and as it stands in `metrics.jsonl`. */
export interface RoundRecord {
  /** From 0. */
  readonly round: number;
  /** Indices of the clients that were meant to train, in the order of sampling; replacements come last. */
  readonly cohort: readonly number[];
  /** Indices of the clients whose updates counted, ascending. */
  readonly counted: readonly number[];
  /** Who was to deliver, or did, and does not count, and why; ascending by client. */
  readonly uncounted: readonly { readonly client: number; readonly code: string }[];
  /** Whose place went to somebody else, and why, in the order in which it happened. */
  readonly replaced: readonly { readonly client: number; readonly by: number; readonly reason: string }[];
  /** Clients that were away for a while when they were to train; ascending. */
  readonly awaited: readonly number[];
  /** Why the round changed nothing, and which of its updates stand out, the most suspicious first; null: it did. */
  readonly voided: { readonly code: string; readonly message: string; readonly suspects?: readonly Suspect[] } | null;
  /** Who is not asked in so many rounds after this one, for its updates. Absent: nobody. */
  readonly quarantined?: readonly { readonly client: number; readonly rounds: number }[];
  /** The model that came of it. */
  readonly version: { readonly model: string; readonly number: number; readonly hash: string };
  /** When it was over by the virtual clock of a simulated buffered run; else null. */
  readonly virtualTime: number | null;
  /** Mean of the counted clients' training losses, weighted by their samples; null when no client reported one. */
  readonly trainLoss: number | null;
  /** Training samples behind the counted updates. */
  readonly sampleCount: number;
  /** On the server's held-out set; equal to `clientMetrics` where the task has none; null when not evaluated. */
  readonly metrics: ReportedResults | null;
  /** Over the clients' own test sets, as the task's result aggregator makes it; null when not evaluated. */
  readonly clientMetrics: ReportedResults | null;
  /** Test samples behind `clientMetrics`. */
  readonly testSampleCount: number;
  /** How `clientMetrics` and `metrics` came about; null when not evaluated; absent in runs of earlier versions. */
  readonly evaluation?: EvaluationCounts | null;
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly ms: {
    /** From the first configuration to the last counted update. */
    readonly train: number;
    /** Checks and folds, within `train`. */
    readonly fold: number;
    /** Server update and encoding of the new model. */
    readonly aggregate: number;
    readonly evaluate: number;
    readonly total: number;
  };
}

/** An update of a void round that is far larger than the others. */
export interface Suspect {
  readonly client: number;
  /** What of it stands out most: the norm of its trained deltas, of its buffers, of its uploads, or the samples it claims. */
  readonly measure: 'trained' | 'buffer' | 'upload' | 'sampleCount';
  /** So many times the median of the round's updates. */
  readonly times: number;
  /** l2 norm of that part; of the trained deltas where it is the samples. */
  readonly norm: number;
  readonly sampleCount: number;
}

/** From whom the results of a round come. */
export interface EvaluationCounts {
  /** By name of `clientMetrics`: from how many clients it comes. */
  readonly clients: Readonly<Record<string, number>>;
  /**
   * The first of those results that were left out, ascending by client: whose (`client` null: the server's own test), which
   * (`result` null: all of that client's), and why.
   */
  readonly unsound: readonly {
    readonly client: number | null;
    readonly result: string | null;
    readonly reason: string;
  }[];
  /** How many were left out in all. */
  readonly unsoundCount: number;
  /** Clients that were asked and have no test samples. */
  readonly untested: readonly { readonly from: number; readonly count: number }[];
}

/** One client's part in a round, as it stands in `clients.jsonl`. */
export interface ClientRecord {
  readonly round: number;
  readonly client: number;
  /** Equal to the round, but where no rounds are common to all clients. */
  readonly task: number;
  readonly attempt: number;
  /** The model it started from. */
  readonly base: { readonly model: string; readonly number: number; readonly hash: string };
  readonly sampleCount: number;
  readonly stepCount: number;
  readonly meanLoss: number | null;
  /** What else the update told of itself. */
  readonly facts: Readonly<Record<string, number>>;
  readonly trainMs: number;
}

/** The best of a run's rounds, by one of its metrics. */
export interface BestRound {
  /** From 0. */
  readonly round: number;
  readonly metric: string;
  readonly value: number;
  /** The number of the model's version. */
  readonly version: number;
}

/** The model of the best round. */
export interface BestModel extends BestRound {
  /** As `RunResult.model`. */
  readonly model: NamedTensors;
}

export interface RunResult {
  readonly status: 'completed' | 'cancelled';
  readonly run: string;
  /** Rounds that finished. */
  readonly rounds: number;
  /** The last evaluation; empty when there was none. */
  readonly metrics: ReportedResults;
  readonly clientMetrics: ReportedResults;
  /** The shared parameters, ascending by name. */
  readonly model: NamedTensors;
  /** The bytes of `model.safetensors`. */
  readonly modelBytes: Uint8Array;
  /** SHA-256 of `modelBytes`, as `sha256:<hex>`. */
  readonly modelHash: Hash;
  /** Of a run that completed before its last round: why. */
  readonly stopped?: { readonly code: string; readonly message: string };
  /** Where `keepBest` was asked for, and a round had its metric. */
  readonly best?: BestModel;
}

/** The result of a run whose metrics are known by name: single numbers. */
export interface NamedRunResult<Name extends string> extends RunResult {
  readonly metrics: NamedResults<Name>;
  readonly clientMetrics: NamedResults<Name>;
}
