import { allocate, elementCount, type Tensor } from '@fedloom/engine/base';
import type { ClientExamples, Examples } from './dataset.js';

/** A client's samples as tensors of their own, in ordinary memory. */
export function gatherExamples({ x, y, rows }: ClientExamples): Examples {
  return { x: gatherRows(x, rows), y: gatherRows(y, rows) };
}

/** Rows of the leading dimension, in the order of `rows`; all of them where it is absent. Always a copy. */
export function gatherRows({ dtype, shape, data }: Tensor, rows: Int32Array | undefined): Tensor {
  const sample = shape.slice(1);
  const width = elementCount(sample);
  const length = rows?.length ?? shape[0]!;
  const gathered = allocate(dtype, length * width);
  // Both arrays are of the dtype's kind; the compiler cannot see that `set` and `subarray` then agree.
  const [target, source] = [gathered as Float32Array, data as Float32Array];
  if (rows === undefined) target.set(source);
  else if (width === 1) for (let i = 0; i < length; i++) target[i] = source[rows[i]!]!;
  else
    for (let i = 0; i < length; i++) target.set(source.subarray(rows[i]! * width, (rows[i]! + 1) * width), i * width);
  return { dtype, shape: [length, ...sample], data: gathered };
}
