import { FedloomError } from '../errors.js';
import { formatShape } from './shapes.js';
import type { GraphBuilder, GraphNode, Value } from './value.js';
import { isFloat } from './value-type.js';

/**
 * Reverse-mode differentiation: the gradient of `sum(seed * output)` by each of `wrt`, as new nodes in the output's graph.
 * `seed` broadcasts to the output's shape and defaults to 1; a value the output does not depend on has gradient zero.
 * @throws FedloomError `graph.gradient` for a path through a loop, `graph.dtype` for an output or `wrt` that is no float.
 */
export function gradients(output: Value, wrt: readonly Value[], seed?: Value): Value[] {
  for (const value of [output, ...wrt]) {
    if (!isFloat(value.dtype)) {
      const message = `gradients are of floats by floats, not of ${value.dtype} ${formatShape(value.shape)}: cast() it`;
      throw new FedloomError('graph.dtype', message, { dtype: value.dtype });
    }
  }
  const { graph } = output;
  const nodes = ancestors([output]);
  const wanted = dependents(nodes, wrt);
  const found = new Map<Value, Value>([[output, startOf(graph, output, seed)]]);
  propagate({ graph, nodes, wanted, found, known: (value) => value });
  return wrt.map((value) => found.get(value) ?? graph.expand(graph.constant(0, value.dtype), value.shape));
}

/** A way back through some nodes. */
export interface BackwardPass {
  /** Where the gradients are built. */
  readonly graph: GraphBuilder;
  /** In order of creation. */
  readonly nodes: readonly GraphNode[];
  /** The values whose gradients are asked for, or lead to such. */
  readonly wanted: ReadonlySet<Value>;
  /** Gradients: those of the results at the beginning, of all that is wanted in the end. */
  readonly found: Map<Value, Value>;
  /** What stands in `graph` for a value that the nodes use or make. */
  known(value: Value): Value;
  /** True: whoever asks sees to the gradient by this input of the node. */
  takesOver?(node: GraphNode, index: number, outputGradient: Value): boolean;
}

export function propagate({ graph, nodes, wanted, found, known, takesOver }: BackwardPass): void {
  for (const node of [...nodes].reverse()) {
    if (!node.outputs.some((value) => wanted.has(value) && found.has(value))) continue;
    const outputGradients = node.outputs.map((value) => found.get(value));
    const [first] = outputGradients;
    const needed = node.inputs.map(
      (value, index) => wanted.has(value) && !(first !== undefined && takesOver?.(node, index, first) === true),
    );
    if (!needed.includes(true)) continue;
    const { primitive, attributes } = node;
    const inputs = node.inputs.map(known);
    const outputs = node.outputs.map(known);
    const results = graph.scope(gradientScope(node.scope), () =>
      primitive.gradient({ node, graph, attributes, inputs, outputs, outputGradients, needed, known }),
    );
    for (const [index, gradient] of results.entries()) {
      if (gradient !== undefined && needed[index]) addGradient(graph, found, node.inputs[index]!, gradient);
    }
  }
}

/** A value's gradients by several ways add up. */
export function addGradient(graph: GraphBuilder, found: Map<Value, Value>, value: Value, gradient: Value): void {
  const before = found.get(value);
  found.set(value, before === undefined ? gradient : graph.add(before, gradient));
}

function gradientScope(scope: string): string {
  return scope === '' ? 'gradient' : `${scope}/gradient`;
}

function startOf(graph: GraphBuilder, output: Value, seed: Value | undefined): Value {
  const start = seed ?? graph.constant(1, output.dtype);
  if (start.dtype !== output.dtype) {
    const message = `the seed is ${start.dtype}, but the output ${output.dtype}: cast() it`;
    throw new FedloomError('graph.dtype', message, { dtype: start.dtype });
  }
  return graph.expand(start, output.shape);
}

/** The nodes that values depend on, their own included, in order of creation. */
export function ancestors(values: readonly Value[]): GraphNode[] {
  const seen = new Set<GraphNode>(values.map(({ node }) => node));
  for (const node of seen) {
    for (const value of node.inputs) seen.add(value.node);
  }
  return [...seen].sort((a, b) => a.outputs[0]!.id - b.outputs[0]!.id);
}

/** The values, among those the nodes make, through which a change of one of `wrt` goes. */
export function dependents(nodes: readonly GraphNode[], wrt: readonly Value[]): Set<Value> {
  const result = new Set(wrt);
  for (const { inputs, outputs } of nodes) {
    if (!inputs.some((value) => result.has(value))) continue;
    for (const value of outputs) if (isFloat(value.dtype)) result.add(value);
  }
  return result;
}
