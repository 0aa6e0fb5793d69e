import type { Graph } from '../graph/graph.js';
import { lower } from './lower.js';
import { optimize } from './optimize.js';
import { rules } from './rules/index.js';
import { writeModel } from './write.js';

/**
 * A graph as the bytes of an ONNX model: inputs and outputs by their names, symbols as ONNX's symbolic dimensions.
 * Equal graphs give equal bytes. Inputs that nothing uses stay in the interface.
 */
export function toOnnx(graph: Graph, options: { readonly name?: string } = {}): Uint8Array {
  const lowered = lower(graph);
  optimize(lowered, rules);
  return writeModel(lowered, [...graph.outputs.keys()], options.name ?? 'graph');
}
