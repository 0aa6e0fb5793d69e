import type { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import type { BuiltLayer, LayerContext, LayerResult } from '../layers/types.js';

/** What a layer is told in tests: every row holds a sample, nothing was trained before. */
export function testContext(g: Graph, batch: number, over: Partial<LayerContext> = {}): LayerContext {
  return {
    training: true,
    valid: () => g.constant(new Array<number>(batch).fill(1), 'float32'),
    uniform: () => {
      throw new Error('this test gives no random numbers');
    },
    step: () => g.constant(0, 'float32'),
    ...over,
  };
}

/** What a layer gave, with or without buffers. */
export function applied(...[layer, ...args]: [BuiltLayer, ...Parameters<BuiltLayer['apply']>]): LayerResult {
  const result = layer.apply(...args);
  return 'output' in result ? result : { output: result, buffers: new Map<string, Value>() };
}
