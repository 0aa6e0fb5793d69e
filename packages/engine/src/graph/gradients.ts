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
  const nodes = ancestors(output);
  const wanted = dependents(nodes, wrt);
  const found = new Map<Value, Value>([[output, startOf(graph, output, seed)]]);
  for (const node of nodes.reverse()) {
    if (!node.outputs.some((value) => wanted.has(value) && found.has(value))) continue;
    const needed = node.inputs.map((value) => wanted.has(value));
    if (!needed.includes(true)) continue;
    const { primitive, attributes, inputs, outputs } = node;
    const outputGradients = outputs.map((value) => found.get(value));
    const results = graph.scope(gradientScope(node.scope), () =>
      primitive.gradient({ graph, attributes, inputs, outputs, outputGradients, needed }),
    );
    for (const [index, gradient] of results.entries()) {
      const value = inputs[index]!;
      if (gradient === undefined || !needed[index]) continue;
      const before = found.get(value);
      found.set(value, before === undefined ? gradient : graph.add(before, gradient));
    }
  }
  return wrt.map((value) => found.get(value) ?? graph.expand(graph.constant(0, value.dtype), value.shape));
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

/** The nodes that `output` depends on, itself included, in order of creation. */
function ancestors(output: Value): GraphNode[] {
  const seen = new Set<GraphNode>([output.node]);
  for (const node of seen) {
    for (const value of node.inputs) seen.add(value.node);
  }
  return [...seen].sort((a, b) => a.outputs[0]!.id - b.outputs[0]!.id);
}

/** The values, among those the nodes make, through which a change of one of `wrt` goes. */
function dependents(nodes: readonly GraphNode[], wrt: readonly Value[]): Set<Value> {
  const result = new Set(wrt);
  for (const { inputs, outputs } of nodes) {
    if (!inputs.some((value) => result.has(value))) continue;
    for (const value of outputs) if (isFloat(value.dtype)) result.add(value);
  }
  return result;
}
