import type { NamedTensors, Tensor, TensorData } from '@fedloom/engine/base';
import { decodeHalves, encodeHalves } from '../core/float16.js';
import type { SafetensorsEncoder } from '../core/safetensors.js';
import { copyTensor } from '../core/safetensors-layout.js';
import { subtractDoubles, subtractFloats } from './subtract.js';
import { isFloat } from './update.js';

/**
 * What travels of a client's tensors, encoded: of those that `base` has floats as local - base in their dtype, others as values;
 * what it has not stays. Uploads travel as values.
 */
export function encodeChanges(
  encode: SafetensorsEncoder,
  local: NamedTensors,
  base: NamedTensors,
  uploads: NamedTensors = new Map(),
): Uint8Array {
  const travelling = new Map([...local].filter(([name]) => base.has(name)));
  for (const [name, tensor] of uploads) travelling.set(name, tensor);
  // Written where it travels from: memory between would cost as much as the differences.
  return encode(travelling, (name, tensor, into) => {
    const from = uploads.has(name) ? undefined : base.get(name);
    if (from === undefined || !writeChange(tensor, from, into)) copyTensor(name, tensor, into);
  });
}

/** False where it travels as the value that it is. */
function writeChange({ dtype, data: local }: Tensor, { data: base }: Tensor, into: Uint8Array): boolean {
  if (isSame(local, base) && isFloat(dtype)) {
    // What came out as it went in, such as a trainer's part that it does not train.
    into.fill(0);
  } else if (dtype === 'float16') {
    const halves = halvesBetween(local as Uint16Array, base as Uint16Array);
    new Uint16Array(into.buffer, into.byteOffset, local.length).set(halves);
  } else if (local instanceof Float32Array && base instanceof Float32Array) {
    subtractFloats(local, base, new Float32Array(into.buffer, into.byteOffset, local.length));
  } else if (local instanceof Float64Array && base instanceof Float64Array) {
    subtractDoubles(local, base, new Float64Array(into.buffer, into.byteOffset, local.length));
  } else return false;
  return true;
}

function isSame(a: TensorData, b: TensorData): boolean {
  return a.buffer === b.buffer && a.byteOffset === b.byteOffset;
}

function halvesBetween(local: Uint16Array, base: Uint16Array): Uint16Array {
  const [values, from] = [decodeHalves(local), decodeHalves(base)];
  subtractDoubles(values, from, values);
  return encodeHalves(values);
}
