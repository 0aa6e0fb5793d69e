import { FedloomError } from '@fedloom/engine';
import type { Examples } from './dataset.js';

/** The class labels of some examples. @throws FedloomError `partition.labels` when y holds something else. */
export function labelsOf({ y }: Examples, partitioner: string): Int32Array {
  if (y.dtype === 'int32' && y.shape.length === 1) return y.data as Int32Array;
  throw new FedloomError(
    'partition.labels',
    `Partition "${partitioner}" goes by class labels, but y is ${y.dtype} of shape [${y.shape.join(', ')}]. Use iid(), or a rule of your own.`,
    { partitioner },
  );
}

/** The rows of each label, ascending by label and then by row. */
export function rowsByLabel(labels: Int32Array): Map<number, number[]> {
  const rows = new Map<number, number[]>();
  labels.forEach((label, row) => {
    const list = rows.get(label);
    if (list === undefined) rows.set(label, [row]);
    else list.push(row);
  });
  return new Map([...rows].sort(([a], [b]) => a - b));
}
