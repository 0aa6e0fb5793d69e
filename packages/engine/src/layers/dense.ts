import { rowsOf } from '../graph/shapes.js';
import { defineLayer } from './define.js';
import { uniformFanIn } from './initializers.js';
import { checkInteger, checkLayerOptions, shapeMismatch } from './layer-checks.js';
import type { Layer, LayerParameter } from './types.js';

export interface DenseOptions {
  /** Default true. */
  readonly bias?: boolean;
}

/**
 * A fully connected layer, y = x Wᵀ + b: samples `[..., inputs]` to `[..., units]`, each position by itself. `weight` is `[units, inputs]`, `bias`
 * `[units]`, as in torch.nn.Linear.
 */
export function dense(units: number, options: DenseOptions = {}): Layer {
  checkInteger('dense', 'units', units, 1);
  checkLayerOptions('dense', options, ['bias']);
  const withBias = options.bias ?? true;
  return defineLayer({
    kind: `dense(${units})`,
    build(inputShape) {
      const inputs = inputShape.at(-1);
      if (inputs === undefined) {
        const remedy = 'give each sample at least one dimension';
        throw shapeMismatch(`dense(${units})`, '[..., inputs]', inputShape, remedy);
      }
      const weight: LayerParameter = {
        name: 'weight',
        shape: [units, inputs],
        role: 'trained',
        initialize: uniformFanIn([units, inputs], inputs),
      };
      const bias: LayerParameter = {
        name: 'bias',
        shape: [units],
        role: 'trained',
        initialize: uniformFanIn([units], inputs),
      };
      return {
        outputShape: [...inputShape.slice(0, -1), units],
        parameters: withBias ? [weight, bias] : [weight],
        apply(g, x, params) {
          // The bias is added to all rows before they are positions again: the product takes it along.
          const rows = g.reshape(x, rowsOf(x.shape));
          const product = g.matmul(rows, params.get('weight')!, { transposeB: true });
          const made = withBias ? g.add(product, params.get('bias')!) : product;
          return g.reshape(made, [...x.shape.slice(0, -1), units]);
        },
      };
    },
  });
}
