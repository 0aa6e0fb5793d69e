import { defineLayer } from './define.js';
import type { Layer } from './types.js';

/** max(x, 0), element by element. */
export function relu(): Layer {
  return defineLayer({
    kind: 'relu',
    build: (inputShape) => ({ outputShape: inputShape, parameters: [], apply: (g, x) => g.relu(x) }),
  });
}
