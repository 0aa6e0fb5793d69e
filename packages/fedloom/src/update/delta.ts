import type { NamedTensors, Tensor, TensorData } from '@fedloom/engine/base';
import { decodeHalves, encodeHalves } from '../core/float16.js';

/**
 * What travels of one tensor that is not an upload: of floats local - base in their dtype, of others the value.
 *
 * The difference is written over `local`, unless that is the base itself, as where nothing was trained.
 * @param local whose data the caller gives away
 */
export function changeOf(local: Tensor, base: Tensor): Tensor {
  const { dtype, shape } = local;
  if (!dtype.startsWith('float')) return local;
  if (dtype === 'float16') return { dtype, shape, data: halvesBetween(local, base) };
  const own = sameMemory(local.data, base.data) ? local.data.slice() : local.data;
  subtract(own as Float32Array | Float64Array, base.data as Float32Array | Float64Array);
  return { dtype, shape, data: own };
}

/** `changeOf` for those tensors that `base` has, in the order of `local`; the others of `local` are left out. */
export function changesOf(local: NamedTensors, base: NamedTensors): Map<string, Tensor> {
  const changes = new Map<string, Tensor>();
  for (const [name, tensor] of local) {
    const from = base.get(name);
    if (from !== undefined) changes.set(name, changeOf(tensor, from));
  }
  return changes;
}

/** In a function of its own, and one kind of array at a time, so that it is compiled well. */
function subtract(values: Float32Array | Float64Array, base: Float32Array | Float64Array): void {
  if (values instanceof Float32Array) for (let i = 0; i < values.length; i++) values[i]! -= base[i]!;
  else for (let i = 0; i < values.length; i++) values[i]! -= base[i]!;
}

function halvesBetween(local: Tensor, base: Tensor): Uint16Array {
  const values = decodeHalves(local.data as Uint16Array);
  subtract(values, decodeHalves(base.data as Uint16Array));
  return encodeHalves(values);
}

function sameMemory(a: TensorData, b: TensorData): boolean {
  return a.buffer === b.buffer && a.byteOffset === b.byteOffset;
}
