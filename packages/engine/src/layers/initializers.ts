import { elementCount } from '../tensor.js';
import type { RandomSource } from './types.js';

/**
 * PyTorch's default for dense and convolution layers, weights and biases alike: uniform in
 * [-1/sqrt(fanIn), 1/sqrt(fanIn)). Source: torch.nn.Linear.reset_parameters, which is He et al. 2015
 * (arXiv 1502.01852), kaiming_uniform with a = sqrt(5).
 */
export function uniformFanIn(shape: readonly number[], fanIn: number): (random: RandomSource) => Float32Array {
  const bound = 1 / Math.sqrt(fanIn);
  return (random) => Float32Array.from({ length: elementCount(shape) }, () => (2 * random.next() - 1) * bound);
}

/** Every element the same; draws nothing. */
export function filled(shape: readonly number[], value: number): (random: RandomSource) => Float32Array {
  return () => new Float32Array(elementCount(shape)).fill(value);
}
