import { defineLayer } from './define.js';
import { uniformFanIn } from './initializers.js';
import { checkInteger, checkLayerOptions, shapeMismatch } from './layer-checks.js';
import type { Layer, LayerParameter } from './types.js';

export interface DenseOptions {
  /** Default true. */
  readonly bias?: boolean;
}

/**
 * A fully connected layer, y = x Wᵀ + b: samples `[inputs]` to `[units]`. `weight` is `[units, inputs]`, `bias` `[units]`,
 * as in torch.nn.Linear.
 */
export function dense(units: number, options: DenseOptions = {}): Layer {
  checkInteger('dense', 'units', units, 1);
  checkLayerOptions('dense', options, ['bias']);
  const withBias = options.bias ?? true;
  return defineLayer({
    kind: `dense(${units})`,
    build(inputShape) {
      const [inputs] = inputShape;
      if (inputs === undefined || inputShape.length !== 1) {
        const remedy = inputShape.length === 0 ? 'give each sample at least one dimension' : 'add flatten() before it';
        throw shapeMismatch(`dense(${units})`, '[inputs]', inputShape, remedy);
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
        outputShape: [units],
        parameters: withBias ? [weight, bias] : [weight],
        apply(g, x, params) {
          const product = g.matmul(x, params.get('weight')!, { transposeB: true });
          return withBias ? g.add(product, params.get('bias')!) : product;
        },
      };
    },
  });
}
