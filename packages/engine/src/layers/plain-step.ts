import type { Optimizer } from './types.js';

/*
 * Optimisers whose new parameter is parameter - learningRate * gradient and that keep nothing. A plan then starts the backward pass at
 * -learningRate / count, so that a weight's update is one addition to a matrix product.
 */
const PLAIN = Symbol('plain step');

export function plainStep(optimizer: Optimizer): Optimizer {
  return Object.assign({ ...optimizer }, { [PLAIN]: true });
}

export function isPlainStep(optimizer: Optimizer): boolean {
  return Reflect.get(optimizer, PLAIN) === true;
}
