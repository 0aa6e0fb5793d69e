import type { Graph } from '../../graph/graph.js';
import type { OnnxGraph } from '../ir.js';
import { lower } from '../lower.js';
import { optimize, type Rule } from '../optimize.js';
import { writeModel } from '../write.js';

export interface Rewritten {
  readonly graph: OnnxGraph;
  readonly bytes: Uint8Array;
  /** Names of the rules that applied. */
  readonly applied: ReadonlySet<string>;
}

/** A graph as ONNX after some of the rules only. */
export function rewrite(graph: Graph, rules: readonly Rule[]): Rewritten {
  const applied = new Set<string>();
  const watched = rules.map(
    (rule): Rule => ({
      name: rule.name,
      apply(node, context) {
        const results = rule.apply(node, context);
        if (results !== undefined) applied.add(rule.name);
        return results;
      },
    }),
  );
  const lowered = lower(graph);
  optimize(lowered, watched);
  return { graph: lowered, bytes: writeModel(lowered, [...graph.outputs.keys()], 'test'), applied };
}

/** The operators of a graph and its loop bodies, in order. */
export function operators(graph: OnnxGraph): string[] {
  return graph.nodes.flatMap((node) => [node.op, ...(node.body === undefined ? [] : operators(node.body))]);
}
