import type { OnnxNode, OnnxValue } from '../ir.js';
import { producedBy } from './match.js';

/** Of a convolution: no stride, no dilation, no groups. */
export function isPlain({ strides, dilations, group }: OnnxNode['attributes']): boolean {
  return String(strides) === '1,1' && String(dilations ?? [1, 1]) === '1,1' && group === undefined;
}

/** Of a Transpose: images and channels change places. */
export function isSwap({ perm }: OnnxNode['attributes']): boolean {
  return String(perm) === '1,0,2,3';
}

export interface WeightGradient {
  readonly conv: OnnxNode;
  readonly x: OnnxValue;
  readonly d: OnnxValue;
}

/** What a weight gradient arrives as: the swapped Conv of swapped images and swapped gradients; `x` and `d` as they were before. */
export function weightGradientOf({ op, inputs, attributes }: OnnxNode): WeightGradient | undefined {
  const conv = op === 'Transpose' && isSwap(attributes) ? producedBy(inputs[0], 'Conv') : undefined;
  const [x, d] = (conv?.inputs ?? []).map((input) => {
    const swap = producedBy(input, 'Transpose');
    return swap !== undefined && isSwap(swap.attributes) ? swap.inputs[0] : undefined;
  });
  return conv === undefined || x === undefined || d === undefined ? undefined : { conv, x, d };
}
