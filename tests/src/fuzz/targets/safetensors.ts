import type { Tensor } from '@fedloom/engine';
import { decodeSafetensors, encodeSafetensors } from '../../../../packages/fedloom/dist/core/safetensors.js';
import { check, type Target, unlessRefused, utf8 } from '../target.js';

/** Models, updates and part folders travel as safetensors. */
export const target: Target = {
  seeds: () => [
    encodeSafetensors(
      new Map<string, Tensor>([
        ['0.weight', { dtype: 'float32', shape: [2, 3], data: Float32Array.from({ length: 6 }, (_, i) => i / 4) }],
        ['count', { dtype: 'int64', shape: [], data: BigInt64Array.of(7n) }],
        ['half', { dtype: 'float16', shape: [2], data: Uint16Array.of(0x3c00, 0x7c00) }],
        ['mask', { dtype: 'bool', shape: [3], data: Uint8Array.of(0, 1, 1) }],
        ['wide', { dtype: 'float64', shape: [1], data: Float64Array.of(Math.PI) }],
        ['x', { dtype: 'uint8', shape: [2, 2], data: Uint8Array.of(1, 2, 3, 4) }],
        ['y', { dtype: 'int32', shape: [2], data: Int32Array.of(-1, 2) }],
      ]),
    ),
    withHeader('{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4),
  ],
  run(input) {
    const tensors = unlessRefused(/^safetensors\./, () => decodeSafetensors(input));
    if (tensors === undefined) return;
    const bytes = encodeSafetensors(tensors);
    const again = encodeSafetensors(decodeSafetensors(bytes));
    check(Buffer.compare(bytes, again) === 0, 'what was read is written as something else');
  },
};

function withHeader(header: string, dataBytes: number): Uint8Array {
  const text = utf8(header);
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}
