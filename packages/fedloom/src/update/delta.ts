import type { NamedTensors, Tensor } from '@fedloom/engine/base';
import { decodeHalves, encodeHalves } from '../core/float16.js';

/**
 * What travels of one tensor that is not an upload: of floats local - base in their dtype, of others the value.
 * @param into where the differences go: memory of their own by default, or that of `local`, if the caller gives it away
 */
export function changeOf(local: Tensor, base: Tensor, into: 'own' | 'local' = 'own'): Tensor {
  const { dtype, shape } = local;
  if (dtype === 'float16') return { dtype, shape, data: halvesBetween(local, base) };
  const [values, from] = [local.data, base.data];
  if (values instanceof Float32Array && from instanceof Float32Array) {
    const data = into === 'local' && !shareMemory(values, from) ? values : new Float32Array(values.length);
    subtractFloats(values, from, data);
    return { dtype, shape, data };
  }
  if (values instanceof Float64Array && from instanceof Float64Array) {
    const data = into === 'local' && !shareMemory(values, from) ? values : new Float64Array(values.length);
    subtractDoubles(values, from, data);
    return { dtype, shape, data };
  }
  return local;
}

/** `changeOf` for those tensors that `base` has, in the order of `local`; the others of `local` are left out. */
export function changesOf(local: NamedTensors, base: NamedTensors, into?: 'own' | 'local'): Map<string, Tensor> {
  const changes = new Map<string, Tensor>();
  for (const [name, tensor] of local) {
    const from = base.get(name);
    if (from !== undefined) changes.set(name, changeOf(tensor, from, into));
  }
  return changes;
}

// Each for one kind of array, so that it is compiled well.

function subtractFloats(values: Float32Array, base: Float32Array, into: Float32Array): void {
  for (let i = 0; i < into.length; i++) into[i] = values[i]! - base[i]!;
}

function subtractDoubles(values: Float64Array, base: Float64Array, into: Float64Array): void {
  for (let i = 0; i < into.length; i++) into[i] = values[i]! - base[i]!;
}

function halvesBetween(local: Tensor, base: Tensor): Uint16Array {
  const [values, from] = [decodeHalves(local.data as Uint16Array), decodeHalves(base.data as Uint16Array)];
  subtractDoubles(values, from, values);
  return encodeHalves(values);
}

/** Where nothing was trained, what comes out is the model itself. */
function shareMemory(a: Float32Array | Float64Array, b: Float32Array | Float64Array): boolean {
  return a.buffer === b.buffer && a.byteOffset === b.byteOffset;
}
