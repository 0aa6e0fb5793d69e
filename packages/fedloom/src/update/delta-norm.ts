import type { NamedTensors } from '@fedloom/engine';
import { decodeHalves } from '../core/float16.js';
import type { UpdateSpec } from './update.js';

/** The l2 norm of all trained deltas as one vector, in float64; without buffers and uploads. */
export function deltaNorm(tensors: NamedTensors, specs: readonly UpdateSpec[]): number {
  let sum = 0;
  for (const { name, kind, dtype } of specs) {
    const tensor = tensors.get(name);
    if (kind !== 'trained' || tensor === undefined) continue;
    sum += squares(dtype === 'float16' ? decodeHalves(tensor.data as Uint16Array) : (tensor.data as Float32Array));
  }
  return Math.sqrt(sum);
}

function squares(values: Float32Array | Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return sum;
}
