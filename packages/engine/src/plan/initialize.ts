import { FedloomError } from '../errors.js';
import { show } from '../layers/layer-checks.js';
import type { Model, RandomSource } from '../layers/types.js';
import { elementCount, type Tensor } from '../tensor.js';
import type { DataSpec } from './manifest.js';

/**
 * A model's first parameters, in ascending order of names. They are drawn in the order of the layers, weight before
 * bias, so that the same stream gives the same model.
 * @throws FedloomError `layer.definition` where a layer gives other values than its shapes say
 */
export function initializeParameters(model: Model, data: DataSpec, random: RandomSource): Map<string, Tensor> {
  const tensors = model
    .build(data.x.shape)
    .parameters.map(({ name, shape, initialize }): [string, Tensor] => [
      name,
      { dtype: 'float32', shape, data: checkedValues(name, shape, initialize(random)) },
    ]);
  return new Map(tensors.sort(([a], [b]) => compareNames(a, b)));
}

/** What `initialize` of somebody's layer gave. */
function checkedValues(name: string, shape: readonly number[], values: Float32Array): Float32Array {
  const count = elementCount(shape);
  if (values instanceof Float32Array && values.length === count) return values;
  const given = values instanceof Float32Array ? `${values.length} values` : show(values);
  const message = `The parameter ${name}: initialize returned ${given}; it must return a Float32Array of ${count} values.`;
  throw new FedloomError('layer.definition', message, { field: 'initialize' });
}

/** Ascending order of UTF-16 code units, the order of all named tensors. */
export function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
