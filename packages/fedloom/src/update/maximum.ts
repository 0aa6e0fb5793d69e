import type { Tensor, TensorData } from '@fedloom/engine';
import { decodeHalves, encodeHalves } from '../core/float16.js';

/** The greater of each pair of elements, as a new array, or a copy of `next` where there is nothing yet. +0 exceeds -0. */
export function elementwiseMaximum(held: TensorData | undefined, { dtype, data: next }: Tensor): TensorData {
  if (held === undefined) return next.slice();
  if (dtype === 'float16') {
    const [a, b] = [decodeHalves(held as Uint16Array), decodeHalves(next as Uint16Array)];
    return encodeHalves(a.map((value, i) => Math.max(value, b[i]!)));
  }
  if (held instanceof BigInt64Array) {
    const larger = held.slice();
    for (const [i, value] of (next as BigInt64Array).entries()) if (value > larger[i]!) larger[i] = value;
    return larger;
  }
  const other = next as Exclude<TensorData, BigInt64Array>;
  return held.map((value, i) => Math.max(value, other[i]!));
}
