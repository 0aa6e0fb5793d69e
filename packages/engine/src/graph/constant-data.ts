import { FedloomError } from '../errors.js';
import { allocate, type DType, elementCount, type Tensor, type TensorData } from '../tensor.js';

/** A tensor from a number, a list of numbers, or the array itself (then kept, not copied). */
export function makeTensor(
  data: number | readonly number[] | TensorData,
  dtype: DType,
  shape?: readonly number[],
): Tensor {
  const array = ArrayBuffer.isView(data) ? data : fromNumbers(typeof data === 'number' ? [data] : data, dtype);
  const extents = shape ?? (typeof data === 'number' ? [] : [array.length]);
  if (array.length !== elementCount(extents)) {
    const message = `a constant of shape [${extents.join(', ')}] needs ${elementCount(extents)} elements, not ${array.length}`;
    throw new FedloomError('graph.shape', message, { shape: extents, length: array.length });
  }
  const expected = allocate(dtype, 0);
  if (array.constructor !== expected.constructor) {
    const message = `a ${dtype} constant lies in a ${expected.constructor.name}, not a ${array.constructor.name}`;
    throw new FedloomError('graph.dtype', message, { dtype });
  }
  return { dtype, shape: extents, data: array };
}

function fromNumbers(numbers: readonly number[], dtype: DType): TensorData {
  if (dtype === 'float16') {
    throw new FedloomError('graph.dtype', 'a float16 constant is given by its bit patterns: pass a Uint16Array', {
      dtype,
    });
  }
  const array = allocate(dtype, numbers.length);
  if (array instanceof BigInt64Array) array.set(numbers.map((number) => BigInt(number)));
  else array.set(numbers);
  return array;
}
