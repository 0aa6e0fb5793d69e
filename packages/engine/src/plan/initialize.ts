import type { Model, RandomSource } from '../layers/types.js';
import type { Tensor } from '../tensor.js';
import type { DataSpec } from './manifest.js';

/**
 * A model's first parameters, in ascending order of names. They are drawn in the order of the layers, weight before
 * bias, so that the same stream gives the same model.
 */
export function initializeParameters(model: Model, data: DataSpec, random: RandomSource): Map<string, Tensor> {
  const tensors = model
    .build(data.x.shape)
    .parameters.map(({ name, shape, initialize }): [string, Tensor] => [
      name,
      { dtype: 'float32', shape, data: initialize(random) },
    ]);
  return new Map(tensors.sort(([a], [b]) => compareNames(a, b)));
}

/** Ascending order of UTF-16 code units, the order of all named tensors. */
export function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
