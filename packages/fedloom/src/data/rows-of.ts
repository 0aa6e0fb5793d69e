import type { Tensor } from '@fedloom/engine';
import type { Examples } from './dataset.js';
import { gatherRows } from './gather.js';
import { sharedTensor } from './tensor-sharing.js';

/** Some of the samples as a split of their own, in shared memory. */
export function rowsOf({ x, y }: Examples, rows: Int32Array): Examples {
  const gather = (tensor: Tensor) => gatherRows(tensor, rows, (dtype, length) => sharedTensor(dtype, [length]).data);
  return { x: gather(x), y: gather(y) };
}
