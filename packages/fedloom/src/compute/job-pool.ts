import type { ClientExamples } from '../data/dataset.js';
import type { Facts } from '../update/update.js';
import type { UpdateHolders } from '../update/update-holders.js';
import type { CancelSignal } from './cancel-signal.js';
import type { FrozenParameters } from './executor.js';

/**
 * Workers that train and evaluate the clients of one plan: threads, child processes, or what somebody brings. A job's bytes
 * depend on the plan and the job alone, not on the pool, the number of its workers, or the jobs beside it.
 *
 * What a pool is given stays the caller's and must not change while the job is at work; equal `modelHash`, and the same `x`
 * and `y` objects, mean equal bytes, so a pool may keep copies at its workers. Replies are the caller's alone.
 */
export interface JobPool {
  /** How many jobs are worth having at hand, so that no worker waits for the next; may change while it works. */
  readonly appetite: number;
  /**
   * Loads a plan on every worker, in place of the one before, and waits for the first that has it. Called before any job, and
   * never while one is at work.
   * @throws FedloomError `plan.*` when the plan is none, `client.cancelled` when the pool closes, `compute.worker-lost`
   */
  load(plan: PoolPlan): Promise<void>;
  /**
   * One client's training.
   * @throws FedloomError `client.cancelled` or `plan.cancelled` soon after the signal aborts or the pool closes, or with the
   *   end of the small jobs that are done together with it;
   *   `compute.worker-lost` when the workers that had the job ended; else the job's own, with code, message and fields
   */
  train(job: PoolTrainJob, signal: CancelSignal): Promise<TrainReply>;
  /** The plan's metrics over some samples. @throws as `train` */
  evaluate(job: PoolEvaluateJob, signal: CancelSignal): Promise<EvaluateReply>;
  /** Where updates can stay with the workers that trained them, until they are summed. Absent: they cannot. @internal */
  readonly holders?: UpdateHolders;
  /** Cancels what is at work, waits until it has come to an end, and ends the workers. More calls wait for the first. */
  close(): Promise<void>;
}

export interface PoolPlan {
  /** The plan's portable bytes; in shared memory where the platform has such, so that threads need no copy. */
  readonly bytes: Uint8Array;
  /** Content hash of `bytes`. */
  readonly hash: string;
  /** Where the plan has frozen parameters: jobs' models need not hold them. */
  readonly frozen?: FrozenParameters;
  /** What a job may take for each of its samples, until some were measured. */
  readonly expectedMs: Readonly<Record<'train' | 'evaluate', number>>;
  /** Have what trains ready ahead of the first job; evaluation alone needs less. */
  readonly trains: boolean;
}

export interface OnModel {
  /** Content hash of `model`. */
  readonly modelHash: string;
  /** Safetensors of the shared parameters, but for those loaded as frozen, and the algorithm's broadcast; in shared memory. */
  readonly model: Uint8Array;
  readonly examples: ClientExamples;
  /** The client's private state as it last committed, as safetensors bytes. */
  readonly state?: Uint8Array;
}

export interface PoolTrainJob extends OnModel {
  readonly client: number;
  /** As `Update.task`. */
  readonly task: number;
  readonly seed: number;
  /** Facts that the algorithm asks for beside the usual ones. */
  readonly needs: readonly string[];
  readonly scalars: Readonly<Record<string, number>>;
}

export interface PoolEvaluateJob extends OnModel {}

export interface TrainReply {
  /** As `TrainOutcome.update`: in a buffer of its own, with room for a chunk's header before it. */
  readonly update: Uint8Array;
  /** The private state to commit if the update counts, in a buffer of its own. */
  readonly state?: Uint8Array;
  readonly facts: Facts;
}

export interface EvaluateReply {
  /** Sums over the samples, by the metric's name. */
  readonly sums: Readonly<Record<string, number>>;
  /** The same of metrics that are several numbers, where there are any. */
  readonly lists?: Readonly<Record<string, readonly number[]>>;
  readonly sampleCount: number;
}

/** The number of samples of one client. */
export function sampleCountOf(examples: ClientExamples): number {
  return examples.rows?.length ?? examples.y.shape[0] ?? 0;
}
