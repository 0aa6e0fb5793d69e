import { elementCount } from '../tensor.js';
import type { RandomSource } from './types.js';

/** Numbers drawn at a time. */
const SLICE = 4096;

/**
 * PyTorch's default for dense and convolution layers, weights and biases alike: uniform in
 * [-1/sqrt(fanIn), 1/sqrt(fanIn)). Source: torch.nn.Linear.reset_parameters, which is He et al. 2015
 * (arXiv 1502.01852), kaiming_uniform with a = sqrt(5).
 */
export function uniformFanIn(shape: readonly number[], fanIn: number): (random: RandomSource) => Float32Array {
  return uniformWithin(shape, 1 / Math.sqrt(fanIn));
}

/** Uniform in [-sqrt(3), sqrt(3)): mean 0 and variance 1. */
export function unitVariance(shape: readonly number[]): (random: RandomSource) => Float32Array {
  return uniformWithin(shape, Math.sqrt(3));
}

/**
 * Uniform in [-b, b) with b = sqrt(6 / (inputs + outputs)): Glorot and Bengio 2010 (AISTATS), torch.nn.init.xavier_uniform_.
 * @param shape `[outputs, inputs]`
 */
export function glorotUniform(shape: readonly [number, number]): (random: RandomSource) => Float32Array {
  return uniformWithin(shape, Math.sqrt(6 / (shape[0] + shape[1])));
}

function uniformWithin(shape: readonly number[], bound: number): (random: RandomSource) => Float32Array {
  return (random) => {
    const values = new Float32Array(elementCount(shape));
    const uniform = new Float64Array(Math.min(values.length, SLICE));
    for (let from = 0; from < values.length; from += SLICE) {
      const slice = uniform.subarray(0, values.length - from);
      random.fill(slice);
      scale(slice, bound, values, from);
    }
    return values;
  };
}

function scale(uniform: Float64Array, bound: number, values: Float32Array, from: number): void {
  for (let i = 0; i < uniform.length; i++) values[from + i] = (2 * uniform[i]! - 1) * bound;
}

/** Every element the same; draws nothing. */
export function filled(shape: readonly number[], value: number): (random: RandomSource) => Float32Array {
  return () => new Float32Array(elementCount(shape)).fill(value);
}
