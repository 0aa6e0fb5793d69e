import { defineLayer } from './define.js';
import type { Layer } from './types.js';

/** The hyperbolic tangent, element by element. */
export function tanh(): Layer {
  return defineLayer({
    kind: 'tanh',
    build: (inputShape) => ({ outputShape: inputShape, parameters: [], apply: (g, x) => g.tanh(x) }),
  });
}
