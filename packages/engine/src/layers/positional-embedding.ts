import { defineLayer } from './define.js';
import { unitVariance } from './initializers.js';
import { checkInteger, shapeMismatch } from './layer-checks.js';
import type { Layer } from './types.js';

/**
 * Adds a trained vector to each position: samples `[positions, width]` of at most `length` positions. `weight` is `[length, width]`; as
 * adding torch.nn.Embedding(length, width) of 0, 1, 2, .... It starts as that of `embedding`.
 */
export function positionalEmbedding(length: number): Layer {
  const kind = `positionalEmbedding(${length})`;
  checkInteger(kind, 'length', length, 1);
  return defineLayer({
    kind,
    build(inputShape) {
      const [positions, width] = inputShape;
      if (positions === undefined || width === undefined || inputShape.length !== 2 || positions > length) {
        const remedy =
          inputShape.length === 2 ? 'give it as many positions as samples have' : 'put an embedding before it';
        throw shapeMismatch(kind, `[at most ${length} positions, width]`, inputShape, remedy);
      }
      const shape = [length, width];
      return {
        outputShape: inputShape,
        parameters: [{ name: 'weight', shape, role: 'trained', initialize: unitVariance(shape) }],
        apply(g, x, params) {
          const weight = params.get('weight')!;
          return g.add(x, positions === length ? weight : g.slice(weight, 0, 0, positions));
        },
      };
    },
  });
}
