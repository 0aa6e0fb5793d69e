import type { RandomSource } from '../layers/types.js';
import type { NamedTensors, Tensor } from '../tensor.js';

/** What training and evaluation have in common. The runner changes none of the tensors. */
export interface Job {
  /** The shared parameters. */
  readonly parameters: NamedTensors;
  /** Needed where the plan has private parameters. */
  readonly privateParameters?: NamedTensors;
  /** The client's samples as `manifest.data` says, `[n, ...]`. */
  readonly x: Tensor;
  readonly y: Tensor;
  /** Asked between calls, about five times a second. */
  readonly isCancelled?: () => boolean;
}

export interface TrainJob extends Job {
  /** `slot/parameter`, as the algorithm's server sent them. */
  readonly broadcast?: NamedTensors;
  /** `slot/parameter`; a missing tensor is zero. */
  readonly state?: NamedTensors;
  /** Overrides of the manifest's scalars. */
  readonly scalars?: Readonly<Record<string, number>>;
  /** int64 `[steps, batch]`, see `batchOrder`. */
  readonly order: Tensor;
  /** The client's stream of what layers draw: needed where `manifest.random` names something. */
  readonly random?: RandomSource;
  readonly onProgress?: (stepsDone: number, stepsTotal: number) => void;
}

/** Several clients that train from the same parameters. `x` and `y` hold one client's samples behind the other's. */
export interface TrainEachJob
  extends Omit<TrainJob, 'order' | 'state' | 'privateParameters' | 'random' | 'onProgress'> {
  /** How many samples each client has; together all of `x`. */
  readonly sampleCounts: readonly number[];
  /** Each client's order, as `TrainJob.order`: of its own rows, from 0; all of one shape. */
  readonly orders: readonly Tensor[];
}

/** Tensors that the caller owns, in ascending order of names. What was not trained is passed on as it was given. */
export interface TrainResult {
  readonly parameters: Map<string, Tensor>;
  readonly privateParameters: Map<string, Tensor>;
  readonly upload: Map<string, Tensor>;
  readonly state: Map<string, Tensor>;
  /** Mean over the steps of the loss of their batches, each before its own update. */
  readonly meanLoss: number;
  readonly stepCount: number;
}

export type EvaluateJob = Job;

export interface EvaluateResult {
  /** By metric, `loss` first: sums over the samples. */
  readonly sums: Record<string, number>;
  /** Of metrics that are several numbers: absent where there are none. */
  readonly lists?: Record<string, number[]>;
  readonly sampleCount: number;
}
