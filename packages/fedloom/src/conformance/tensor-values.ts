import { allocate, type DType, elementCount, type Tensor } from '@fedloom/engine';
import { decodeHalves, encodeHalves } from '../core/float16.js';

/** A tensor of these numbers, each rounded to the dtype. */
export function tensorOf(dtype: DType, shape: readonly number[], values: readonly number[]): Tensor {
  if (elementCount(shape) !== values.length) throw new RangeError(`[${shape}] does not hold ${values.length} values`);
  if (dtype === 'float16') return { dtype, shape, data: encodeHalves(Float64Array.from(values)) };
  const data = allocate(dtype, values.length);
  for (const [i, value] of values.entries()) {
    if (data instanceof BigInt64Array) data[i] = BigInt(value);
    else data[i] = value;
  }
  return { dtype, shape, data };
}

/** A tensor's elements; those of int64 rounded to float64. */
export function valuesOf({ dtype, data }: Tensor): number[] {
  return dtype === 'float16' ? [...decodeHalves(data as Uint16Array)] : Array.from(data, Number);
}
