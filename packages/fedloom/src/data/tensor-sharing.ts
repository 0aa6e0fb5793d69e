import {
  allocate,
  arrayOf,
  bytesPerElement,
  type DType,
  elementCount,
  type Tensor,
  type TensorData,
} from '@fedloom/engine/base';

/**
 * A new zero-filled tensor in memory that worker threads read without a copy, where the platform shares memory; in
 * ordinary memory elsewhere. Browsers share memory only on cross-origin isolated pages.
 */
export function sharedTensor(dtype: DType, shape: readonly number[]): Tensor & { readonly data: TensorData } {
  const length = elementCount(shape);
  if (typeof SharedArrayBuffer === 'undefined') return { dtype, shape, data: allocate(dtype, length) };
  return { dtype, shape, data: new arrayOf[dtype](new SharedArrayBuffer(length * bytesPerElement[dtype])) };
}

/** Bytes in memory that worker threads read without a copy, where the platform shares memory; themselves if they lie there. */
export function sharedBytes(bytes: Uint8Array): Uint8Array {
  if (typeof SharedArrayBuffer !== 'undefined' && bytes.buffer instanceof SharedArrayBuffer) return bytes;
  const shared = sharedTensor('uint8', [bytes.length]).data as Uint8Array;
  shared.set(bytes);
  return shared;
}
