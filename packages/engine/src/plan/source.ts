import type { AnyMetric, Loss, Model, Optimizer } from '../layers/types.js';
import type { NamedTensors } from '../tensor.js';
import type { ClientTerms } from './client-terms.js';
import type { DataSpec } from './manifest.js';

/** All that goes into a plan. */
export interface PlanSource {
  readonly name: string;
  readonly model: Model;
  readonly data: DataSpec;
  readonly loss: Loss;
  readonly metrics: readonly AnyMetric[];
  readonly training: {
    /** Passes over the client's samples. */
    readonly localEpochs: number;
    readonly batchSize: number | 'all';
    /** Default true. */
    readonly shuffle?: boolean;
    readonly optimizer: Optimizer;
  };
  /** Most samples in one batch of the evaluation. Default 256. */
  readonly evaluationBatchSize?: number;
  /** Default: local training as it is. */
  readonly terms?: ClientTerms;
  /** Parameters that stay with each client, and what every client starts them from. Default none. */
  readonly privateStart?: NamedTensors;
}
