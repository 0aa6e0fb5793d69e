import type { DType, NamedTensors } from '../tensor.js';

/** One tensor of the model. `trained` takes gradients; `buffer` travels without (batch-norm statistics); `frozen` never changes, and travels once. */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly role: 'trained' | 'frozen' | 'buffer';
  /** `private` tensors never leave the client. */
  readonly scope: 'shared' | 'private';
  /** How the server combines the clients' values; an integer `mean` rounds half to even. */
  readonly fold: 'mean' | 'max' | 'keep';
}

/** A client's samples as they lie in memory or on disk: raw values, because preprocessing belongs to the plan. */
export interface DataSpec {
  /** Without the leading sample dimension. `scale`: the plan casts to float32 and multiplies by it. */
  readonly x: {
    readonly dtype: 'uint8' | 'float32' | 'int32';
    readonly shape: readonly number[];
    readonly scale?: number;
  };
  /**
   * Class labels are `int32` with `classes` set, of shape `[]`, or of more dimensions where each position has one; regression targets are
   * `float32`.
   */
  readonly y: { readonly dtype: 'int32' | 'float32'; readonly shape: readonly number[]; readonly classes?: number };
  /**
   * A hash of what the values mean where that is not in them: categories, means and deviations, vocabulary, names of the
   * classes. Data with another are other data, though they have the same form. Absent where there is nothing of the kind.
   */
  readonly encoding?: string;
}

/**
 * A tensor of a graph's interface and what stands behind it. `name` is the model parameter it belongs to
 * (scalars: the scalar's name), `slot` the algorithm's or optimiser's name for it.
 *
 * - `parameter` the model as trained so far (in and out) · `global` the model as the server sent it (in)
 * - `broadcast` an algorithm tensor the server sends beside the model (in)
 * - `state` an algorithm tensor the client keeps between rounds (train: in; finish: in and out)
 * - `optimizer` optimiser state, zero at the start of a client's training (in and out)
 * - `upload` an algorithm tensor that travels to the server beside the parameters (finish: out)
 * - `scalar` float32 `[]` (in) · `x`, `y`: `[n, ...]` (in) · `order` int64 `[steps, batch]`, rows of x; padding is
 *   negative: a row counted from the end, -1 the last (in)
 * - `stepCount` float32 `[]`, optimiser steps of the client's training so far (train: in, those before the call; finish: in, all)
 * - `random` float32 `[steps, batch, ...]`, the numbers `name` of `PlanManifest.random` (train: in)
 * - `sampleLoss` float32 `[steps, batch]`, each sample's loss before its step's update (train: out)
 * - `sampleMetric` float32 `[steps, batch]`, or `[steps, batch, size]`, the metric `name` of each sample (evaluate: out)
 *
 * Of these two, what stands in the places of padding means nothing. The others are added up by the client, in float64 and in
 * their order: a runtime's own sums depend in the last bit on where in memory a row lies, and so on what else is in the call.
 */
export interface GraphPort {
  readonly port: string;
  readonly source:
    | 'parameter'
    | 'global'
    | 'broadcast'
    | 'state'
    | 'optimizer'
    | 'upload'
    | 'scalar'
    | 'stepCount'
    | 'random'
    | 'x'
    | 'y'
    | 'order'
    | 'sampleLoss'
    | 'sampleMetric';
  readonly name: string;
  readonly slot?: string;
  readonly dtype: DType;
  readonly shape: readonly (number | string)[];
}

export interface GraphSpec {
  readonly inputs: readonly GraphPort[];
  readonly outputs: readonly GraphPort[];
}

/** Numbers that a training step needs, so many for each place of its batch, padding too. */
export interface RandomSpec {
  readonly name: string;
  readonly shape: readonly number[];
}

export interface MetricSpec {
  readonly name: string;
  readonly rule: 'mean';
  readonly size?: number;
  /** Of a metric that is reported as a list or a matrix: so the `size` numbers lie, row by row. */
  readonly shape?: readonly number[];
}

/** Everything a client must know to run a plan, as JSON. */
export interface PlanManifest {
  readonly format: 1;
  readonly name: string;
  /** In ascending order of names. */
  readonly parameters: readonly ParameterSpec[];
  readonly data: DataSpec;
  readonly training: {
    readonly localEpochs: number;
    /** `all`: one batch of all the client's samples. */
    readonly batchSize: number | 'all';
    readonly shuffle: boolean;
  };
  readonly evaluation: { readonly batchSize: number };
  /**
   * `loss` comes first. Every metric is a sum over samples, reported divided by the sample count; with a `size`, so many sums, of
   * whose means the server makes what is reported.
   */
  readonly metrics: readonly MetricSpec[];
  /** Scalar inputs with their defaults: `learningRate` and the algorithm's hyper-parameters. */
  readonly scalars: Readonly<Record<string, number>>;
  readonly algorithm: {
    readonly name: string;
    /** Slots of one tensor a trained parameter, of its shape; on the wire and on disk named `slot/parameter`. */
    readonly broadcast: readonly string[];
    readonly state: readonly string[];
    readonly upload: readonly string[];
  };
  /**
   * What is drawn at each step, uniform in [0, 1) as a multiple of 2^-24: of the client's stream for layers, step by step, in this
   * order, place by place. Absent where nothing is.
   */
  readonly random?: readonly RandomSpec[];
  readonly graphs: { readonly train: GraphSpec; readonly evaluate: GraphSpec; readonly finish?: GraphSpec };
  /** Floating-point operations of one training step for each sample of its batch, to size bounded calls; an estimate. */
  readonly sampleFlops: number;
}

/** A compiled plan. `bytes` is the portable file (see `encodePlan`); the ONNX graphs are views into it. */
export interface TrainingPlan {
  readonly manifest: PlanManifest;
  readonly train: Uint8Array;
  readonly evaluate: Uint8Array;
  /** Runs once after local training: the algorithm's uploads and new client state. */
  readonly finish?: Uint8Array;
  /** What each client starts its private parameters from, ascending by name; absent where there are none. */
  readonly privateStart?: NamedTensors;
  readonly bytes: Uint8Array;
}
