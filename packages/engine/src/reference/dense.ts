import { elementCount } from '../tensor.js';

/** A tensor of the reference interpreter: every element, integer or not, is a float64. */
export interface Dense {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export function dense(shape: readonly number[], data?: Float64Array): Dense {
  return { shape, data: data ?? new Float64Array(elementCount(shape)) };
}

/** A tensor whose element at each index is `value(index)`. */
export function tabulate(shape: readonly number[], value: (index: readonly number[]) => number): Dense {
  const result = dense(shape);
  const index = shape.map(() => 0);
  for (let position = 0; position < result.data.length; position++) {
    result.data[position] = value(index);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = index[axis]! + 1;
      if (index[axis]! < shape[axis]!) break;
      index[axis] = 0;
    }
  }
  return result;
}

/** Calls `visit` with each index of a shape, in row-major order. The array is reused: copy it to keep it. */
export function eachIndex(shape: readonly number[], visit: (index: readonly number[], position: number) => void): void {
  let position = 0;
  tabulate(shape, (index) => {
    visit(index, position++);
    return 0;
  });
}

/** The element at an index; axes of extent 1 and missing leading axes broadcast. */
export function at(tensor: Dense, index: readonly number[]): number {
  return tensor.data[offsetOf(tensor.shape, index)]!;
}

export function offsetOf(shape: readonly number[], index: readonly number[]): number {
  const skipped = index.length - shape.length;
  let offset = 0;
  for (const [axis, extent] of shape.entries()) {
    offset = offset * extent + (extent === 1 ? 0 : index[axis + skipped]!);
  }
  return offset;
}

/** Numpy broadcasting of two concrete shapes that are known to fit. */
export function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    return left === 1 ? right : left;
  });
}
