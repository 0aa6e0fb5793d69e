import type { Tensor } from '../tensor.js';

export interface RowSum {
  readonly sum: number;
  /** Places that are no padding. */
  readonly count: number;
}

/**
 * Adds up what a graph gives for each sample, one row a step, without the padding. In float64 and in the order of the
 * places, so that a sum is a function of its own row alone.
 *
 * @param values float32 `[steps, batch]`
 * @param order int64 `[steps, batch]`, negative where there is padding
 */
export function rowSums(values: Tensor, order: Tensor): RowSum[] {
  const [steps, batch] = order.shape as readonly [number, number];
  const rows = order.data as BigInt64Array;
  // The upper of a row's two words has its sign, and costs a tenth of what a BigInt does.
  const words = new Int32Array(rows.buffer, rows.byteOffset, 2 * rows.length);
  return Array.from({ length: steps }, (_, step) => sumOf(values.data as Float32Array, words, step * batch, batch));
}

function sumOf(values: Float32Array, words: Int32Array, start: number, batch: number): RowSum {
  let sum = 0;
  let count = 0;
  for (let place = start; place < start + batch; place++) {
    if (words[2 * place + 1]! < 0) continue;
    sum += values[place]!;
    count++;
  }
  return { sum, count };
}

/**
 * As `rowSums`, of several numbers for each sample.
 * @param into what is added to, one list a step
 */
export function addColumns({ shape, data }: Tensor, order: Tensor, into: (step: number) => number[]): void {
  const [steps, batch, size] = shape as readonly [number, number, number];
  const rows = order.data as BigInt64Array;
  const words = new Int32Array(rows.buffer, rows.byteOffset, 2 * rows.length);
  for (let step = 0; step < steps; step++) {
    const sums = new Float64Array(size);
    for (let place = step * batch; place < (step + 1) * batch; place++) {
      if (words[2 * place + 1]! < 0) continue;
      for (let column = 0; column < size; column++) sums[column]! += (data as Float32Array)[place * size + column]!;
    }
    const totals = into(step);
    for (let column = 0; column < size; column++) totals[column]! += sums[column]!;
  }
}
