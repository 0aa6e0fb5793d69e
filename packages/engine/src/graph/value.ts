/**
 * Values, the nodes that make them, what is known about an operation, and the builder that its gradient is written with:
 * each names the next, so that they stand together.
 */
import type { Attributes, OnnxValue } from '../onnx/ir.js';
import type { OperatorName } from '../onnx/operators.js';
import type { Dense } from '../reference/dense.js';
import type { DType, Tensor, TensorData } from '../tensor.js';
import type { Conv2dOptions, Pool2dOptions } from './image-options.js';
import type { Dim, ProblemFactory, ValueType } from './value-type.js';

/** One edge of a graph: a tensor that does not exist yet. Made by the methods of `Graph` only. */
export interface Value extends ValueType {
  readonly graph: GraphBuilder;
  /** Unique over a graph and all the loop bodies in it; a value's inputs have smaller ids. */
  readonly id: number;
  /** The producer. @internal */
  readonly node: GraphNode;
}

/** A number stands for a scalar constant of the other operand's dtype. */
export type Operand = Value | number;

export interface GraphNode {
  readonly graph: GraphBuilder;
  readonly primitive: Primitive;
  readonly attributes: unknown;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** The layer or other part the node belongs to ('model/0.dense'), for names and errors. */
  readonly scope: string;
}

/**
 * All that is known about one operation: its types, its derivative, what it means, and how ONNX says it.
 * Methods are bivariant on purpose: a `Primitive<A>` is stored as `Primitive<unknown>` beside its own attributes.
 */
export interface Primitive<A = unknown> {
  readonly name: string;
  /** Types of the outputs. @throws what `problem` makes of a sentence that says what does not fit. */
  inferShape(inputs: readonly ValueType[], attributes: A, problem: ProblemFactory): readonly ValueType[];
  /** One gradient an input, `undefined` where none flows (or `needed` is false); built with the same primitives. */
  gradient(step: GradientStep<A>): readonly (Value | undefined)[];
  /** The definition, in float64: obvious, slow. */
  evaluate(inputs: readonly Dense[], attributes: A, context: EvaluateContext): readonly Dense[];
  /** True where each element follows from the operands' elements at its place alone, with numpy's broadcasting. */
  readonly isElementwise?: boolean;
  /** True where elements are only moved: a scan's gradient makes such values again instead of keeping them of each step. */
  readonly movesElements?: boolean;
  /**
   * The gradient by an input that is the same in all steps of a scan, summed over the steps at once; absent or `undefined`: it is
   * summed step by step.
   */
  gradientOverSteps?(step: StackedStep<A>): (() => Value) | undefined;
  lower(inputs: readonly OnnxValue[], attributes: A, context: LowerContext): readonly OnnxValue[];
}

/** One operation in all steps of a scan: values that differ from step to step have the steps as a new first axis. */
export interface StackedStep<A> {
  /** Where the gradient is built. */
  readonly graph: GraphBuilder;
  readonly attributes: A;
  /** Types within one step. */
  readonly inputs: readonly ValueType[];
  /** The input whose gradient is wanted. */
  readonly index: number;
  /** All steps of another input; `undefined` where it is the same in all of them. */
  stacked(index: number): (() => Value) | undefined;
  /** All steps of the gradient by the operation's output. */
  gradient(): Value;
}

export interface GradientStep<A> {
  /** The operation itself, where it stands. */
  readonly node: GraphNode;
  /** Where the gradient is built: the graph of the differentiated value. */
  readonly graph: GraphBuilder;
  readonly attributes: A;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly outputGradients: readonly (Value | undefined)[];
  /** Which inputs lead to a wanted gradient: the others may be answered `undefined`, which saves dead nodes. */
  readonly needed: readonly boolean[];
  /** A value that the operation's own graph sees, for use in `graph`. */
  known(value: Value): Value;
}

export interface EvaluateContext {
  /** Types of the node's outputs, as inferred. */
  readonly outputs: readonly ValueType[];
  /** The number behind a symbol in this run. */
  extent(dim: Dim): number;
  /** Evaluates a loop body once with these values for its inputs; captured outer values are known. */
  runBody(body: GraphBuilder, inputs: ReadonlyMap<Value, Dense>, results: readonly Value[]): readonly Dense[];
}

export interface LowerContext {
  /** Types of the node's outputs, as inferred. */
  readonly outputs: readonly ValueType[];
  /** Adds an ONNX node with one output of type `type`; `undefined` stands for an optional input left out. */
  emit(
    op: OperatorName,
    inputs: readonly (OnnxValue | undefined)[],
    attributes: Attributes,
    type: ValueType,
  ): OnnxValue;
  emitMany(
    op: OperatorName,
    inputs: readonly (OnnxValue | undefined)[],
    attributes: Attributes,
    types: readonly ValueType[],
  ): readonly OnnxValue[];
  constant(tensor: Tensor): OnnxValue;
  /** An int64 vector constant: axes, shapes, starts. */
  integers(values: readonly number[]): OnnxValue;
  /** A shape as an int64 vector, read from the run where a symbol stands in it. */
  shape(dims: readonly Dim[]): OnnxValue;
  /** Lowers a loop with its body. */
  lowerLoop(loop: LoopAttributes, inputs: readonly OnnxValue[]): readonly OnnxValue[];
  /** Lowers a scan with its body. */
  lowerScan(scan: ScanAttributes, inputs: readonly OnnxValue[]): readonly OnnxValue[];
}

/** What a loop is made of; see `Graph.loopCollecting`. */
export interface LoopAttributes {
  readonly body: GraphBuilder;
  /** The body's inputs. */
  readonly step: Value;
  readonly inputs: readonly Value[];
  /** The body's results: the next carried values, and those collected along a new first axis. */
  readonly carried: readonly Value[];
  readonly collected: readonly Value[];
  /** How often it runs, as the extent of what it collects. */
  readonly steps: Dim;
}

/** What a scan is made of; see `Graph.scan`. Its inputs are the initial carried values, the rows, and what its body uses from outside. */
export interface ScanAttributes {
  readonly body: GraphBuilder;
  /** The body's inputs: what it carries, and a row of each of the rows. */
  readonly carriedIn: readonly Value[];
  readonly rowsIn: readonly Value[];
  /** The body's results: the next carried values, and those collected along a new first axis. A gradient collects more. */
  readonly carried: readonly Value[];
  readonly collected: Value[];
  /** From the last row to the first. */
  readonly reverse: boolean;
}

/** A value that has a symbol among its extents, and where. */
export interface SymbolSource {
  readonly value: Value;
  readonly axis: number;
}

/** What primitives and passes use of a `Graph`, where the operations are described. */
export interface GraphBuilder {
  /** @internal */
  readonly nodes: readonly GraphNode[];
  sees(other: GraphBuilder): boolean;
  input(name: string, dtype: DType, shape: readonly Dim[]): Value;
  /** A new body within this graph. @internal */
  inner(): GraphBuilder;
  /** One more output of a node of this graph. @internal */
  addOutput(node: GraphNode, type: ValueType): Value;
  /** @internal */
  symbolSource(symbol: string, willDo?: (value: Value) => boolean): SymbolSource | undefined;
  scope<T>(name: string, build: () => T): T;
  /** @internal */
  apply<A>(primitive: Primitive<A>, inputs: readonly Value[], attributes: A): readonly Value[];
  /** @internal */
  applyOne<A>(primitive: Primitive<A>, inputs: readonly Value[], attributes: A): Value;
  constant(data: number | readonly number[] | TensorData, dtype: DType, shape?: readonly number[]): Value;

  add(a: Operand, b: Operand): Value;
  sub(a: Operand, b: Operand): Value;
  mul(a: Operand, b: Operand): Value;
  div(a: Operand, b: Operand): Value;
  maximum(a: Operand, b: Operand): Value;
  minimum(a: Operand, b: Operand): Value;
  equal(a: Operand, b: Operand): Value;
  greater(a: Operand, b: Operand): Value;
  greaterOrEqual(a: Operand, b: Operand): Value;
  neg(x: Value): Value;
  exp(x: Value): Value;
  log(x: Value): Value;
  sqrt(x: Value): Value;
  abs(x: Value): Value;
  relu(x: Value): Value;
  sigmoid(x: Value): Value;
  sign(x: Value): Value;
  tanh(x: Value): Value;
  square(x: Value): Value;
  select(condition: Value, a: Operand, b: Operand): Value;
  cast(x: Value, dtype: DType): Value;

  matmul(a: Value, b: Value, options?: { readonly transposeA?: boolean; readonly transposeB?: boolean }): Value;
  sum(x: Value, axes: readonly number[], keepDims?: boolean): Value;
  mean(x: Value, axes: readonly number[], keepDims?: boolean): Value;
  max(x: Value, axes: readonly number[], keepDims?: boolean): Value;
  argMax(x: Value, axis: number): Value;
  softmax(x: Value): Value;
  logSoftmax(x: Value): Value;
  softmaxCrossEntropy(logits: Value, target: Value): Value;
  binaryCrossEntropy(logits: Value, target: Value): Value;
  oneHot(indices: Value, depth: number): Value;

  reshape(x: Value, shape: readonly Dim[]): Value;
  transpose(x: Value, perm: readonly number[]): Value;
  expand(x: Value, shape: readonly Dim[]): Value;
  gather(x: Value, indices: Value): Value;
  scatterAdd(updates: Value, indices: Value, rows: Dim): Value;
  slice(x: Value, axis: number, start: number, end: number): Value;
  pad(x: Value, axis: number, before: number, after: number): Value;
  concat(values: readonly Value[], axis: number): Value;
  dim(x: Value, axis: number): Value;

  conv2d(x: Value, w: Value, options: Conv2dOptions): Value;
  conv2dInputGradient(gradient: Value, w: Value, options: Conv2dOptions, inputSize: readonly [number, number]): Value;
  conv2dWeightGradient(x: Value, gradient: Value, options: Conv2dOptions, kernel: readonly [number, number]): Value;
  maxPool2d(x: Value, options: Pool2dOptions): Value;
  averagePool2d(x: Value, options: Pool2dOptions): Value;
  maxPool2dGradient(
    gradient: Value,
    indices: Value,
    options: Pool2dOptions,
    inputSize: readonly [number, number],
  ): Value;
  reluGradient(gradient: Value, y: Value): Value;
}
