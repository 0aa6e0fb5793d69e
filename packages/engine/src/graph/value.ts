import type { FedloomError } from '../errors.js';
import type { Attributes, OnnxValue } from '../onnx/ir.js';
import type { Dense } from '../reference/dense.js';
import type { DType, Tensor } from '../tensor.js';
import type { Graph } from './graph.js';
import type { LoopAttributes } from './primitives/control.js';

/** An extent: a number, or a symbol ('batch', 'steps') for one that is known only when the graph runs. Equal symbols are equal extents. */
export type Dim = number | string;

export interface ValueType {
  readonly dtype: DType;
  readonly shape: readonly Dim[];
}

/** One edge of a graph: a tensor that does not exist yet. Made by the methods of `Graph` only. */
export interface Value extends ValueType {
  readonly graph: Graph;
  /** Unique over a graph and all the loop bodies in it; a value's inputs have smaller ids. */
  readonly id: number;
  /** The producer. */
  readonly node: GraphNode;
}

export interface GraphNode {
  readonly graph: Graph;
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
  lower(inputs: readonly OnnxValue[], attributes: A, context: LowerContext): readonly OnnxValue[];
}

export type ProblemFactory = (what: string, code?: 'graph.shape' | 'graph.dtype') => FedloomError;

export interface GradientStep<A> {
  /** Where the gradient is built: the graph of the differentiated value. */
  readonly graph: Graph;
  readonly attributes: A;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly outputGradients: readonly (Value | undefined)[];
  /** Which inputs lead to a wanted gradient: the others may be answered `undefined`, which saves dead nodes. */
  readonly needed: readonly boolean[];
}

export interface EvaluateContext {
  /** Types of the node's outputs, as inferred. */
  readonly outputs: readonly ValueType[];
  /** The number behind a symbol in this run. */
  extent(dim: Dim): number;
  /** Evaluates a loop body once with these values for its inputs; captured outer values are known. */
  runBody(body: Graph, inputs: ReadonlyMap<Value, Dense>, results: readonly Value[]): readonly Dense[];
}

export interface LowerContext {
  /** Types of the node's outputs, as inferred. */
  readonly outputs: readonly ValueType[];
  /** Adds an ONNX node with one output of type `type`; `undefined` stands for an optional input left out. */
  emit(op: string, inputs: readonly (OnnxValue | undefined)[], attributes: Attributes, type: ValueType): OnnxValue;
  emitMany(
    op: string,
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
}

export function isFloat(dtype: DType): boolean {
  return dtype === 'float32' || dtype === 'float64' || dtype === 'float16';
}
