import { elementCount } from '@fedloom/engine/base';
import type { PayloadSpec } from '../stage-contract.js';

/** The trained tensors whose values, one behind the other, are the vector of an update: ascending by name. */
export function vectorOf(input: readonly PayloadSpec[]): PayloadSpec[] {
  return input.filter(({ trained }) => trained === true);
}

/** How many elements tensors of these specs have together. */
export function elementsOf(specs: readonly PayloadSpec[]): number {
  return specs.reduce((sum, { shape }) => sum + elementCount(shape), 0);
}

/** Where a tensor's values lie in the vector, and which of the positions are among them. */
export interface Part {
  readonly spec: PayloadSpec;
  /** In the vector. */
  readonly start: number;
  readonly end: number;
  /** In the ascending positions. */
  readonly from: number;
  readonly to: number;
}

export function partsOf(vector: readonly PayloadSpec[], positions: Int32Array): Part[] {
  let start = 0;
  let from = 0;
  return vector.map((spec) => {
    const end = start + elementCount(spec.shape);
    let to = from;
    while (to < positions.length && positions[to]! < end) to++;
    const part = { spec, start, end, from, to };
    start = end;
    from = to;
    return part;
  });
}
