import { defineLayer } from './define.js';
import type { Layer } from './types.js';

/** 1 / (1 + exp(-x)), element by element. `binaryCrossEntropyWithLogits` has its own: end no model for that loss with this. */
export function sigmoid(): Layer {
  return defineLayer({
    kind: 'sigmoid',
    build: (inputShape) => ({ outputShape: inputShape, parameters: [], apply: (g, x) => g.sigmoid(x) }),
  });
}
