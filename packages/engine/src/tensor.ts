/** Element types a training plan may carry. `float16` values travel as their 16-bit patterns. */
export type DType = 'float32' | 'float64' | 'float16' | 'int32' | 'int64' | 'uint8' | 'bool';

/** The array that holds a tensor's elements: one element per number, `bool` as 0 or 1 in a `Uint8Array`. */
export type TensorData = Float32Array | Float64Array | Uint16Array | Int32Array | BigInt64Array | Uint8Array;

/**
 * A dense tensor in row-major order. `data.length` equals the product of `shape` (1 for a scalar, whose shape is `[]`).
 * The holder of a tensor must not change its data unless it made it.
 */
export interface Tensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

/** Tensors by name. Producers insert in ascending order of names (UTF-16 code units). */
export type NamedTensors = ReadonlyMap<string, Tensor>;

export const bytesPerElement: Readonly<Record<DType, number>> = {
  float32: 4,
  float64: 8,
  float16: 2,
  int32: 4,
  int64: 8,
  uint8: 1,
  bool: 1,
};

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

type TensorArray = {
  new (length: number): TensorData;
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): TensorData;
};

/** The kind of array that holds elements of a dtype. */
export const arrayOf: Readonly<Record<DType, TensorArray>> = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  bool: Uint8Array,
};

/** A new zero-filled array for `length` elements of `dtype`. */
export function allocate(dtype: DType, length: number): TensorData {
  return new arrayOf[dtype](length);
}

export function zeros(dtype: DType, shape: readonly number[]): Tensor {
  return { dtype, shape, data: allocate(dtype, elementCount(shape)) };
}
