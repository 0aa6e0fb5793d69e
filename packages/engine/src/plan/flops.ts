import type { Graph } from '../graph/graph.js';
import type { MatmulAttributes } from '../graph/primitives/matmul.js';
import type { GraphBuilder, GraphNode, ScanAttributes } from '../graph/value.js';
import type { Dim } from '../graph/value-type.js';

/** The backward pass of a product is two products of the same size. */
const trainingPassesPerForward = 3;

/**
 * Floating-point operations of one training step for each sample, from the evaluation graph's products. Good to a factor
 * of two or so, which is enough to choose how many steps the first call takes.
 */
export function estimateSampleFlops(evaluate: Graph): number {
  return trainingPassesPerForward * forwardFlops(evaluate);
}

function forwardFlops(graph: GraphBuilder): number {
  return graph.nodes.reduce((total, node) => total + nodeFlops(node), 0);
}

/** Symbolic extents are batches and steps: they count as 1. */
function nodeFlops({ primitive, attributes, inputs, outputs }: GraphNode): number {
  const made = numbers(outputs[0]!.shape);
  switch (primitive.name) {
    case 'loop':
      return forwardFlops((attributes as { readonly body: GraphBuilder }).body);
    case 'scan': {
      const { body, carriedIn } = attributes as ScanAttributes;
      return forwardFlops(body) * numbers(inputs[carriedIn.length]!.shape.slice(0, 1));
    }
    case 'matmul': {
      const { transposeA } = attributes as MatmulAttributes;
      return 2 * made * numbers([inputs[0]!.shape.at(transposeA ? -2 : -1)!]);
    }
    case 'conv2d':
      return 2 * made * numbers(inputs[1]!.shape.slice(1));
    case 'input':
    case 'constant':
    case 'gather':
      return 0;
    default:
      return made;
  }
}

function numbers(shape: readonly Dim[]): number {
  return shape.reduce<number>((product, extent) => (typeof extent === 'number' ? product * extent : product), 1);
}
