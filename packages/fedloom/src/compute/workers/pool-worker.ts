import type { FrozenParameters } from '../executor.js';
import type { EvaluateReply, PoolEvaluateJob, PoolTrainJob, TrainReply } from '../job-pool.js';

/** A thread or process of a `BatchingPool`. It does its messages one at a time, in the order they came. */
export interface PoolWorker {
  /** Rejects only when the worker has ended, with how: a job's own error is in its reply. */
  send(message: WorkMessage): Promise<WorkReply>;
  /** Asks the jobs with this mark to stop between two bounded calls. */
  cancel(mark: number): void;
  /** Settles if it ends although nobody asked it to, where that shows while it has nothing to do. */
  readonly lost?: Promise<unknown>;
  /** Ends it; called when it is not at work, or is lost. */
  end(): Promise<void>;
}

export type WorkMessage =
  /** Say only that you are there. */
  | { readonly kind: 'hello' }
  /** Start the runtime. */
  | { readonly kind: 'warm' }
  /** @param trains have the graph ready that trains clients */
  | {
      readonly kind: 'load';
      readonly plan: Uint8Array;
      readonly planHash: string;
      readonly trains: boolean;
      readonly frozen?: FrozenParameters;
    }
  | { readonly kind: 'jobs'; readonly jobs: readonly WorkJob[] };

/** What jobs are marked with so that they can be cancelled: jobs of one caller in one message share a mark. */
interface Marked {
  /** Above 0. No two marks that a worker has at hand are equal modulo `MARKS`. */
  readonly mark: number;
}

/** More than the jobs that a worker has at hand. */
export const MARKS = 256;

export type WorkJob = TrainWork | EvaluateWork;
export type TrainWork = PoolTrainJob & Marked & { readonly kind: 'train' };
export type EvaluateWork = PoolEvaluateJob & Marked & { readonly kind: 'evaluate' };

export interface WorkReply {
  /** One a job, in their order; to `load`, one if it failed. */
  readonly replies: readonly Reply[];
  /** What the jobs took. */
  readonly ms: number;
}

export type Reply = TrainReply | EvaluateReply | FailureReply;

/** Errors cross threads and processes as data, since a clone drops an error's code and fields. */
export interface FailureReply {
  readonly failure: {
    readonly code: string;
    readonly message: string;
    readonly fields: Readonly<Record<string, unknown>>;
  };
}

/** Buffers that replies have to themselves, to be given away. */
export function ownBuffers({ replies }: WorkReply): ArrayBuffer[] {
  return replies.flatMap((reply) => {
    if (!('update' in reply)) return [];
    return [reply.update, reply.state].flatMap((bytes) => (bytes === undefined ? [] : [bytes.buffer as ArrayBuffer]));
  });
}
