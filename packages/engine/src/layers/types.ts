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

export interface LayerContext {
  /** False in evaluation. */
  readonly training: boolean;
}

/** A layer whose input shape is known. Shapes exclude the leading batch dimension. */
export interface BuiltLayer {
  readonly outputShape: readonly number[];
  /** In the order in which they are initialised. */
  readonly parameters: readonly LayerParameter[];
  /** `x` is `[batch, ...inputShape]`, the result `[batch, ...outputShape]`. `params` goes by the layer's own names. */
  apply(g: Graph, x: Value, params: ReadonlyMap<string, Value>, context: LayerContext): Value;
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
   * True where `perSample` takes any number of leading dimensions instead of `batch` alone, because it counts its axes
   * from the last: the plan then computes the losses of a call's steps at once, after its loop. Only for what does not
   * depend on where in memory a sample lies, as ONNX Runtime's sums of several numbers, logarithms and exponentials do in
   * the last bit; its softmax does not. Default false.
   */
  readonly stacks?: boolean;
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
  /** As `Loss.stacks`. Default false. */
  readonly stacks?: boolean;
  /** Of a metric that is no mean: how many numbers `perSample` gives for each sample. They add up over samples and clients. */
  size?(context: LossContext): number;
  /** What is reported, from the means of these numbers over all samples; NaN where they do not say. Goes with `size`. */
  value?(means: readonly number[]): number;
}

/** What an optimiser gets for one parameter and one step. */
export interface OptimizerInput {
  readonly parameter: Value;
  /** Already times the optimiser's `gradientScale`. */
  readonly gradient: Value;
  /** Float32 `[]`. */
  readonly learningRate: Value;
  /** By slot name, each of the parameter's shape; zero at the first step of a client's training. */
  readonly slots: ReadonlyMap<string, Value>;
}

export interface OptimizerOutput {
  readonly parameter: Value;
  readonly slots: ReadonlyMap<string, Value>;
}

export interface Optimizer {
  readonly name: string;
  /** The default of the plan's scalar `learningRate`: that of the first round, where it changes. */
  readonly learningRate: number;
  /** Where the learning rate changes from round to round: that of a round, from 0. Pure. */
  learningRateOf?(round: number): number;
  /** State kept from step to step: one tensor a trained parameter and slot. */
  readonly slots: readonly string[];
  /**
   * What the gradient is multiplied by before `update` sees it. `minus-learning-rate` is for optimisers whose new parameter
   * is parameter + gradient, as plain SGD's: the backward pass then starts at -lr/count, and a weight's update is one
   * addition to a matrix product.
   */
  readonly gradientScale: 'one' | 'minus-learning-rate';
  update(g: Graph, input: OptimizerInput): OptimizerOutput;
  /** All settings with their values, for the run's record and for changes from a command line. */
  readonly hyperparameters?: Readonly<Record<string, number | boolean>>;
  /** The same optimiser with some settings changed. @throws FedloomError `optimizer.option`. */
  with?(changes: Readonly<Record<string, number | boolean>>): Optimizer;
}
