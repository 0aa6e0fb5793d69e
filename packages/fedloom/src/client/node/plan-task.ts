import type { ClientExamples } from '../../data/dataset.js';

/** What the threads of a plan executor are asked, as structured clones; big bytes lie in shared memory. */
export type PlanTask = PrepareTask | TrainTask | EvaluateTask;

interface OnPlan {
  /** The plan's portable bytes, shared. */
  readonly plan: Uint8Array;
  readonly planHash: string;
}

export interface PrepareTask extends OnPlan {
  readonly kind: 'prepare';
}

export interface TrainTask extends OnPlan {
  readonly kind: 'train';
  readonly client: number;
  readonly round: number;
  readonly seed: number;
  readonly modelHash: string;
  readonly model: Uint8Array;
  readonly scalars: Readonly<Record<string, number>>;
  readonly state?: Uint8Array;
  readonly examples: ClientExamples;
  /** One shared cell: not 0 asks the thread to stop between two bounded calls. */
  readonly cancel: Int32Array;
}

export interface EvaluateTask extends OnPlan {
  readonly kind: 'evaluate';
  readonly modelHash: string;
  readonly model: Uint8Array;
  readonly examples: ClientExamples;
  readonly cancel: Int32Array;
}

export interface TrainReply {
  readonly update: Uint8Array;
  readonly state?: Uint8Array;
  readonly sampleCount: number;
  readonly stepCount: number;
  readonly meanLoss: number;
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
