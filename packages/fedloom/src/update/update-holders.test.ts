import { expect, it } from 'vitest';
import { encodeSafetensors } from '../core/safetensors.js';
import { decodeReceipt, encodeReceipt, measuresOf } from './update-holders.js';

it('reads the receipts that it writes, to the last bit', () => {
  const found = {
    magnitudes: Float64Array.of(0, Number.MIN_VALUE, 0.1 + 0.2, 2 ** 899),
    norms: Float64Array.of(1 / 3, 0, 1e-300, 1e300),
    deltaNorm: Math.PI,
  };
  const receipt = { holder: 2, update: 12_345, found };
  const read = decodeReceipt(encodeReceipt(receipt));
  expect(read).toEqual(receipt);
  expect(read && measuresOf(read)).toEqual(found);
  const plain = { holder: 0, update: 1, found: { magnitudes: new Float64Array(0), norms: new Float64Array(0) } };
  expect(decodeReceipt(encodeReceipt(plain))).toEqual(plain);
});

it('throws what the checks of a holder threw', () => {
  const failure = {
    code: 'update.not-finite',
    message: 'The update holds NaN.',
    fields: { tensor: 'w', who: 'client 1' },
  };
  const read = decodeReceipt(encodeReceipt({ holder: 0, update: 1, found: { failure } }));
  expect(() => read && measuresOf(read)).toThrow(expect.objectContaining(failure));
});

it('takes no update for a receipt', () => {
  const tensor = { dtype: 'float32' as const, shape: [2], data: Float32Array.of(1, 2) };
  expect(decodeReceipt(encodeSafetensors(new Map([['fedloom-receipt ', tensor]])))).toBeUndefined();
  expect(decodeReceipt(new Uint8Array())).toBeUndefined();
});
