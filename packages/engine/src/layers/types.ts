import type { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';

/** A stream of uniform numbers. Whoever draws owns the order of the draws; nothing here keeps one of its own. */
export interface RandomSource {
  /** The next number, in [0, 1). */
  next(): number;
  /** Writes the next numbers into all of `values`: as many calls of `next` would, faster. */
  fill(values: Float64Array): void;
}

/** One tensor that a layer owns. */
export interface LayerParameter {
  /** Within the layer, for instance `weight`; the model puts the layer's position before it. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly role: 'trained' | 'frozen' | 'buffer';
  /** As many values as the shape holds. Draws from `random` alone. */
  initialize(random: RandomSource): Float32Array;
}

/** What a layer is told of the step that it is part of. What it does not ask for costs nothing. */
export interface LayerContext {
  /** False in evaluation. */
  readonly training: boolean;
  /**
   * Which rows of the batch hold a sample: float32 `[batch]`, 1, or 0 where there is padding, which repeats some sample. Whoever
   * computes over rows must leave padding out.
   */
  valid(): Value;
  /**
   * Float32 `[batch, ...shape]`, uniform in [0, 1), new ones in each step: from the client's own stream, so that the same run draws
   * the same. Only in training. @throws FedloomError `layer.definition` in evaluation
   */
  uniform(shape: readonly number[]): Value;
  /** Steps of the client's training before this one: float32 `[]`. Only in training. @throws FedloomError `layer.definition` */
  step(): Value;
  /**
   * Within `masked`: which positions of each sample hold a token and no padding, float32 `[batch, positions]`, 1 or 0. Absent
   * elsewhere: all do.
   */
  present?(): Value;
}

/** What a layer with buffers gives in training. */
export interface LayerResult {
  readonly output: Value;
  /** New values of its buffers, by the layer's own names; one that is missing stays. */
  readonly buffers: ReadonlyMap<string, Value>;
}

/** A layer whose input shape is known. Shapes exclude the leading batch dimension. */
export interface BuiltLayer {
  readonly outputShape: readonly number[];
  /** In the order in which they are initialised. */
  readonly parameters: readonly LayerParameter[];
  /**
   * `x` is `[batch, ...inputShape]`, the result `[batch, ...outputShape]`. `params` goes by the layer's own names. With buffers
   * whose values change in training: a `LayerResult`; in evaluation nobody keeps them.
   */
  apply(g: Graph, x: Value, params: ReadonlyMap<string, Value>, context: LayerContext): Value | LayerResult;
}

/** A layer as its user writes it: a value that knows its own settings and waits for the shape of its input. */
export interface Layer {
  /** Shown in messages and in the names of graph nodes. */
  readonly kind: string;
  /** @throws FedloomError `layer.shape` when the layer cannot take this input. */
  build(inputShape: readonly number[]): BuiltLayer;
}

/** A model for one shape of input; its parameters carry their full names. */
export type BuiltModel = BuiltLayer;

export interface Model {
  /** @throws FedloomError `layer.shape`, naming the layer and both shapes. */
  build(inputShape: readonly number[]): BuiltModel;
}

/** What a loss or a metric may know before the first batch. */
export interface LossContext {
  /** Without the batch dimension. */
  readonly predictionShape: readonly number[];
  /** Without the batch dimension. Of single numbers `[1]`, where the model predicts `[1]`: nothing can broadcast by mistake. */
  readonly targetShape: readonly number[];
  /** Of class labels, which are int32 `[]`. */
  readonly classes?: number;
}

export interface Loss<Name extends string = string> {
  readonly name: Name;
  /** Checks that predictions and targets go together, before anything is compiled. @throws FedloomError `loss.shape`. */
  check(context: LossContext): void;
  /**
   * Turns raw targets into what `perSample` takes; absent: they are taken as they are. Works on any number of leading
   * dimensions, because a training plan prepares the targets of all its steps at once, outside its loop.
   */
  prepareTarget?(g: Graph, target: Value, context: LossContext): Value;
  /**
   * The loss of each sample: from predictions `[batch, ...predictionShape]` and (prepared) targets to float32 `[batch]`.
   * The plan takes the mean over the batch's own samples.
   */
  perSample(g: Graph, prediction: Value, target: Value, context: LossContext): Value;
  /**
   * What people read from predictions `[batch, ...predictionShape]`, by name: probabilities and a label, for instance. They
   * are outputs of an exported model beside `prediction`, and what `predict` gives. Default none.
   */
  readings?(g: Graph, prediction: Value, context: LossContext): Readonly<Record<string, Value>>;
}

/** What is reported of each sample beside the loss. A loss is a metric too. */
export interface Metric<Name extends string = string> {
  /** Under which it is reported: a word, not `loss`. */
  readonly name: Name;
  /** Checks that predictions and targets go together, before anything is compiled. @throws FedloomError `metric.shape`. */
  check?(context: LossContext): void;
  /** As `Loss.prepareTarget`. */
  prepareTarget?(g: Graph, target: Value, context: LossContext): Value;
  /**
   * Float32 `[batch]`, summed over samples and reported divided by their number; `[batch, size]` where the metric has a `size`.
   * Takes the (prepared) target.
   */
  perSample(g: Graph, prediction: Value, target: Value, context: LossContext): Value;
  /** Of a metric that is no mean: how many numbers `perSample` gives for each sample. They add up over samples and clients. */
  size?(context: LossContext): number;
  /** What is reported, from the means of these numbers over all samples; NaN where they do not say. Goes with `size`. */
  value?(means: readonly number[]): number;
}

/** A metric that is reported as a list or a matrix: what its samples add up to. */
export interface ShapedMetric extends Pick<Metric, 'name' | 'check' | 'prepareTarget'> {
  /** Float32 `[batch, ...shape]`, added up over samples and clients. Takes the (prepared) target. */
  perSample: Metric['perSample'];
  /** Of what is reported: 1 to 4,096 numbers in all. */
  shape(context: LossContext): readonly number[];
  /**
   * What is reported, row by row, as many numbers as the shape has; one that is NaN leaves the metric out.
   * @param means of these numbers, row by row, over all samples @param samples so many
   */
  value(means: readonly number[], samples: number): readonly number[];
}

/** What a task may report of its samples. */
export type AnyMetric<Name extends string = string> = Metric<Name> | ShapedMetric;

/** Tensors by the names of the parameters that they belong to, ascending. */
export type ByParameter = ReadonlyMap<string, Value>;

/** What comes before an optimiser in a chain sees this of a step: all trained parameters at once. */
export interface TransformInput {
  readonly parameters: ByParameter;
  readonly gradients: ByParameter;
  /** By slot, then by parameter, each of the parameter's shape; zero at the first step of a client's training. */
  readonly slots: ReadonlyMap<string, ByParameter>;
  /** Steps of the client's training before this one: float32 `[]`. */
  step(): Value;
}

/** What an optimiser gets for one step. */
export interface OptimizerInput extends TransformInput {
  /** Float32 `[]`. */
  readonly learningRate: Value;
}

export interface OptimizerOutput {
  readonly parameters: ByParameter;
  /** Of every slot. */
  readonly slots: ReadonlyMap<string, ByParameter>;
}

/** Settings that records show, and that a command line can change. */
export type OptimizerSettings = Readonly<Record<string, number | boolean>>;

/** What changes gradients before an optimiser takes them, see `chain`. */
export interface GradientTransform {
  readonly name: string;
  /** State kept from step to step: one tensor a trained parameter and slot. */
  readonly slots: readonly string[];
  transform(
    g: Graph,
    input: TransformInput,
  ): { readonly gradients: ByParameter; readonly slots: ReadonlyMap<string, ByParameter> };
  readonly hyperparameters?: OptimizerSettings;
}

export interface Optimizer {
  readonly name: string;
  /** The default of the plan's scalar `learningRate`: that of the first round, where it changes. */
  readonly learningRate: number;
  /** Where the learning rate changes from round to round: that of a round, from 0. Pure. */
  learningRateOf?(round: number): number;
  /** State kept from step to step: one tensor a trained parameter and slot. */
  readonly slots: readonly string[];
  /** One step, of all trained parameters together. Where each goes by itself: `perParameter`. */
  update(g: Graph, input: OptimizerInput): OptimizerOutput;
  /** All settings with their values, for the run's record and for changes from a command line. */
  readonly hyperparameters?: OptimizerSettings;
  /** The same optimiser with some settings changed. @throws FedloomError `optimizer.option`. */
  with?(changes: OptimizerSettings): Optimizer;
}
