import { FedloomError, type Tensor } from '@fedloom/engine';
import { decodeHalves, encodeHalves } from '../core/float16.js';
import type { ServerUpdateInput } from './algorithm.js';

/**
 * The model moved by the aggregate: floats by the mean delta, times `rate` where they are trained; integers and maxima as
 * the aggregate has them; what is not in the aggregate stays.
 * @param rate the server's learning rate; 1 is FedAvg
 */
export function moved({ model, aggregate, trained, room }: ServerUpdateInput, rate = 1): Map<string, Tensor> {
  const next = new Map<string, Tensor>();
  for (const [name, base] of model) {
    const change = aggregate.get(name);
    if (change === undefined) next.set(name, base);
    else if (change.dtype !== 'float64') next.set(name, change);
    else next.set(name, movedBy(base, change.data as Float64Array, trained.has(name) ? rate : 1, room?.get(name)));
  }
  return next;
}

/**
 * base + rate * delta in float64, rounded once to the dtype of `base`. A delta of zero keeps the bits of `base`, the sign of
 * -0 too.
 * @param room of the same dtype and shape, where the result is written if it is one of float32 or float64; default: new memory
 */
export function movedBy(base: Tensor, delta: Float64Array, rate = 1, room?: Tensor): Tensor {
  const { dtype, shape } = base;
  if (dtype === 'float16') {
    const values = toNumbers(base);
    return fromNumbers(
      values.map((value, i) => sum(value, rate * delta[i]!)),
      base,
    );
  }
  const values = floatsOf(base);
  if (values instanceof Float32Array) {
    const data = room?.data instanceof Float32Array ? room.data : new Float32Array(values.length);
    return { dtype, shape, data: moveFloats(values, delta, rate, data) };
  }
  const data = room?.data instanceof Float64Array ? room.data : new Float64Array(values.length);
  return { dtype, shape, data: moveDoubles(values, delta, rate, data) };
}

// Each for one kind of array, so that it is compiled well.

function moveFloats(values: Float32Array, delta: Float64Array, rate: number, moved: Float32Array): Float32Array {
  for (let i = 0; i < moved.length; i++) moved[i] = sum(values[i]!, rate * delta[i]!);
  return moved;
}

function moveDoubles(values: Float64Array, delta: Float64Array, rate: number, moved: Float64Array): Float64Array {
  for (let i = 0; i < moved.length; i++) moved[i] = sum(values[i]!, rate * delta[i]!);
  return moved;
}

function sum(value: number, change: number): number {
  return change === 0 ? value : value + change;
}

/** A copy of a float tensor's elements. */
export function toNumbers(tensor: Tensor): Float64Array {
  if (tensor.dtype === 'float16') return decodeHalves(tensor.data as Uint16Array);
  return new Float64Array(floatsOf(tensor));
}

function floatsOf({ dtype, data }: Tensor): Float32Array | Float64Array {
  if (data instanceof Float32Array || data instanceof Float64Array) return data;
  throw new FedloomError('algorithm.aggregate', `A ${dtype} tensor cannot be trained; algorithms work on floats.`, {
    dtype,
  });
}

/** The elements of a tensor of an aggregate, or of a server state in float64; not to be changed. */
export function float64Of(tensors: ReadonlyMap<string, Tensor>, name: string): Float64Array {
  const data = tensors.get(name)?.data;
  if (data instanceof Float64Array) return data;
  throw new FedloomError('algorithm.aggregate', `The aggregate lacks "${name}" in float64.`, { name });
}

/** A new tensor of `like`'s dtype and shape, each element rounded once. */
export function fromNumbers(values: Float64Array, { dtype, shape }: Tensor): Tensor {
  const data = dtype === 'float16' ? encodeHalves(values) : dtype === 'float32' ? new Float32Array(values) : values;
  return { dtype, shape, data };
}
