import type { NamedTensors, TrainingPlan } from '@fedloom/engine';
import type { ClientIndex, Hash } from '../core/brands.js';
import type { Evaluation } from '../core/evaluation.js';
import type { Facts, UpdateSpec } from '../update/update.js';
import type { CancelSignal } from './cancel-signal.js';

/** A plan's frozen parameters, which the bytes of its models lack. */
export interface FrozenParameters {
  /** Content hash of `bytes`. */
  readonly hash: Hash;
  /** Safetensors. */
  readonly bytes: Uint8Array;
}

/** What the server has clients work on, as the client core hands it to its executor. */
export type ClientWorkload =
  | { readonly kind: 'plan'; readonly plan: TrainingPlan; readonly hash: Hash; readonly frozen?: FrozenParameters }
  | { readonly kind: 'trainer'; readonly task: string };

/** The federation a client has joined. */
export interface FederationInfo {
  readonly run: string;
  /** Clients in it: indices are below this. */
  readonly clients: number;
  readonly seed: number;
  /** Name of the server's algorithm. */
  readonly algorithm: string;
}

/** The model of a round: shared parameters that are not frozen, and the algorithm's broadcast tensors (`slot/parameter`). */
export interface ModelSnapshot {
  /** Content hash; equal hashes mean equal bytes. */
  readonly hash: Hash;
  /** The safetensors bytes; for an executor over a SharedArrayBuffer where there is one: worker threads read them without a copy. */
  readonly bytes: Uint8Array;
  readonly tensors: NamedTensors;
}

export interface TrainJob {
  readonly client: ClientIndex;
  /** As `Update.task`. */
  readonly task: number;
  readonly seed: number;
  readonly model: ModelSnapshot;
  readonly scalars: Readonly<Record<string, number>>;
  /** Facts that the algorithm asks of the client beside the usual ones. */
  readonly needs: readonly string[];
  /** The client's private state as it last committed, as safetensors bytes; absent before its first counted update. */
  readonly state?: Uint8Array;
  readonly signal: CancelSignal;
}

export interface TrainOutcome {
  /**
   * Safetensors of an `Update`'s tensors: what training changed in the shared parameters, and the algorithm's uploads. In a
   * buffer of their own that the caller gives away; with room for a chunk's header before them, they are sent without a copy.
   */
  readonly update: Uint8Array;
  /** The private state to commit if the update counts; absent when the algorithm keeps none. */
  readonly state?: Uint8Array;
  readonly facts: Facts;
  /** What the update's tensors are. */
  readonly specs: readonly UpdateSpec[];
}

export interface EvaluateJob {
  /** At most `evaluationGroup` of them. */
  readonly clients: readonly ClientIndex[];
  readonly round: number;
  readonly model: ModelSnapshot;
  /** A client's private state as it last committed, for executors that keep parameters private. */
  readonly stateOf: (client: ClientIndex) => Promise<Uint8Array | undefined>;
  readonly signal: CancelSignal;
}

/** What came of one client of an `EvaluateJob`; null when it holds no test data. */
export type ClientEvaluation =
  | { readonly client: ClientIndex; readonly evaluation: Evaluation | null }
  | { readonly client: ClientIndex; readonly error: unknown };

/**
 * Does the work of the clients that one process hosts. Implementations: plans on worker threads, trainer objects.
 * The client core calls `prepare` once, then at most `concurrency` jobs at a time, never two of one client.
 */
export interface ClientExecutor {
  /** How many jobs it likes to have at a time; may change while it works. */
  readonly concurrency: number;
  /** How many clients it likes to evaluate in one job: more than one where a client is so small that a job costs more. */
  readonly evaluationGroup: number;
  /** @throws FedloomError when it cannot do this workload, for instance because the data do not fit the plan. */
  prepare(workload: ClientWorkload, federation: FederationInfo): Promise<void>;
  /** @throws FedloomError `client.cancelled` soon after the signal aborts; anything else counts as the client's failure. */
  train(job: TrainJob): Promise<TrainOutcome>;
  /** One client's failure is its own. @throws FedloomError `client.cancelled`, as `train`. */
  evaluate(job: EvaluateJob): Promise<readonly ClientEvaluation[]>;
  /** Ends running jobs, then frees what it holds. */
  close(): Promise<void>;
}
