import type { ClientExamples } from '../../data/dataset.js';
import type { Facts } from '../../update/update.js';
import type { CancelCell } from './cancel-cells.js';

/** What a thread of a plan executor is asked, as a structured clone; big bytes lie in shared memory. */
export interface PlanMessage {
  /** The plan's portable bytes, shared. */
  readonly plan: Uint8Array;
  /** Empty: say only that you are there; with `warm`, start the runtime. */
  readonly planHash: string;
  /** None: load the plan only. */
  readonly jobs: readonly PlanJob[];
  /** Have the graph ready that trains clients. */
  readonly warm: boolean;
}

export type PlanJob = TrainTask | EvaluateTask;

interface OnModel {
  readonly modelHash: string;
  /** Safetensors, shared. */
  readonly model: Uint8Array;
  readonly examples: ClientExamples;
  /** Asks the thread to stop between two bounded calls. */
  readonly cancel: CancelCell;
}

export interface TrainTask extends OnModel {
  readonly kind: 'train';
  readonly client: number;
  readonly task: number;
  readonly seed: number;
  readonly needs: readonly string[];
  readonly scalars: Readonly<Record<string, number>>;
  readonly state?: Uint8Array;
}

export interface EvaluateTask extends OnModel {
  readonly kind: 'evaluate';
  /** Of a client that has private parameters. */
  readonly state?: Uint8Array;
}

export type Reply = TrainReply | EvaluateReply | FailureReply;

export interface TrainReply {
  readonly update: Uint8Array;
  readonly state?: Uint8Array;
  readonly facts: Facts;
}

export interface EvaluateReply {
  readonly sums: Readonly<Record<string, number>>;
  readonly sampleCount: number;
}

/** Errors cross threads as data, since a structured clone drops an error's code and fields. */
export interface FailureReply {
  readonly failure: {
    readonly code: string;
    readonly message: string;
    readonly fields: Readonly<Record<string, unknown>>;
  };
}

/** The number of samples of one client. */
export function sampleCountOf(examples: ClientExamples): number {
  return examples.rows?.length ?? examples.y.shape[0] ?? 0;
}
