import { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import { interpret } from '../reference/interpret.js';
import type { Tensor } from '../tensor.js';

export function floats(shape: readonly number[], values: readonly number[]): Tensor {
  return { dtype: 'float32', shape, data: Float32Array.from(values) };
}

/** Builds a graph over inputs named by number and interprets it; the numbers of its one result. */
export function evaluateGraph(
  inputs: readonly Tensor[],
  build: (g: Graph, values: readonly Value[]) => Value,
): {
  readonly shape: readonly number[];
  readonly values: readonly number[];
} {
  const g = new Graph();
  const values = inputs.map(({ dtype, shape }, index) => g.input(`in${index}`, dtype, shape));
  g.output('out', build(g, values));
  const result = interpret(g, new Map(inputs.map((tensor, index) => [`in${index}`, tensor]))).get('out')!;
  return { shape: result.shape, values: Array.from(result.data, Number) };
}
