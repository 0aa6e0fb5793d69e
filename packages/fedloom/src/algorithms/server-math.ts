import { FedloomError, type Tensor } from '@fedloom/engine';
import { decodeHalves, encodeHalves } from '../core/float16.js';
import type { ServerUpdateInput } from './algorithm.js';

/** The clients' mean of every parameter of the model, without the uploads. */
export function averaged({ model, aggregate }: ServerUpdateInput): Map<string, Tensor> {
  const mean = new Map<string, Tensor>();
  for (const name of model.keys()) {
    const tensor = aggregate.get(name);
    if (tensor === undefined)
      throw new FedloomError('algorithm.aggregate', `The aggregate lacks parameter "${name}".`, { name });
    mean.set(name, tensor);
  }
  return mean;
}

/** A copy of a float tensor's elements. */
export function toNumbers({ dtype, data }: Tensor): Float64Array {
  if (dtype === 'float16') return decodeHalves(data as Uint16Array);
  if (data instanceof Float32Array || data instanceof Float64Array) return Float64Array.from(data);
  throw new FedloomError('algorithm.aggregate', `A ${dtype} tensor cannot be trained; algorithms work on floats.`, {
    dtype,
  });
}

/** A new tensor of `like`'s dtype and shape, each element rounded once. */
export function fromNumbers(values: Float64Array, { dtype, shape }: Tensor): Tensor {
  const data = dtype === 'float16' ? encodeHalves(values) : dtype === 'float32' ? Float32Array.from(values) : values;
  return { dtype, shape, data };
}
