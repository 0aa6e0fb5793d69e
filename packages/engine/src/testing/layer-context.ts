import type { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import type { BuiltLayer, Layer, LayerContext, LayerResult } from '../layers/types.js';
import type { Tensor } from '../tensor.js';
import { evaluateGraph } from './evaluate.js';

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

/** What one layer makes of `x` with these parameters, in the layer's order; of the shape that it promised. */
export function appliedTo(layer: Layer, x: Tensor, parameters: readonly Tensor[] = []): readonly number[] {
  const built = layer.build(x.shape.slice(1));
  const [images = 0] = x.shape;
  const result = evaluateGraph([x, ...parameters], (g, [input, ...values]) => {
    const params = new Map(built.parameters.map(({ name }, index) => [name, values[index]!]));
    return applied(built, g, input!, params, testContext(g, images)).output;
  });
  const promised = [images, ...built.outputShape];
  if (String(result.shape) !== String(promised))
    throw new Error(`${layer.kind} promised [${promised}], made [${result.shape}]`);
  return result.values;
}
