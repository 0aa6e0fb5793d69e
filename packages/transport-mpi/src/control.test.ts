import { expect, it } from 'vitest';
import { type Control, decodeControl, encodeControl } from './control.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

it.each<[Control, string]>([
  [{ kind: 'open', from: 7 }, '000000000000000007000000'],
  [{ kind: 'accept', to: 7, from: 300 }, '01000000070000002c010000'],
  [{ kind: 'refuse', to: 7 }, '020000000700000000000000'],
  [{ kind: 'close', to: 1, reason: '轮' }, '030000000100000000000000e8bdae'],
])('writes %j as PROTOCOL.md says, and reads it', (control, bytes) => {
  expect(hex(encodeControl(control))).toBe(bytes);
  expect(decodeControl(encodeControl(control))).toEqual(control);
});

it('reads nothing into what is no control message', () => {
  expect(decodeControl(new Uint8Array(11))).toBeUndefined();
  expect(decodeControl(Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))).toBeUndefined();
});
