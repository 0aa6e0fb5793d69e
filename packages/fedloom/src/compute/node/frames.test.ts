import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame, FrameReader } from './frames.js';

/** What the reader takes of all frames together, given in pieces of these lengths. */
function through(values: readonly unknown[], pieceLengths: readonly number[], room = 0): unknown[] {
  const taken: unknown[] = [];
  const reader = new FrameReader((value) => taken.push(value), room);
  const bytes = Buffer.concat(values.flatMap((value) => [...encodeFrame(value)]));
  for (let at = 0, piece = 0; at < bytes.length; piece += 1) {
    const length = pieceLengths[piece % pieceLengths.length] ?? 1;
    reader.push(bytes.subarray(at, at + length));
    at += length;
  }
  return taken;
}

const arrays = fc.oneof(
  fc.uint8Array(),
  fc.int32Array(),
  fc.float32Array(),
  fc.float64Array(),
  fc.uint16Array(),
  fc.bigInt64Array(),
);
const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.double(),
    fc.string(),
    fc.constant(undefined),
    arrays,
    tie('list'),
    tie('record'),
  ),
  list: fc.array(tie('value'), { maxLength: 4 }),
  record: fc.dictionary(
    fc.string().filter((key) => key !== '__proto__'),
    tie('value'),
    { maxKeys: 4, noNullPrototype: true },
  ),
})).value;

describe('frames', () => {
  it('carry any values to the bit, in whatever pieces their bytes come', () => {
    fc.assert(
      fc.property(
        fc.array(values, { maxLength: 4 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
        fc.constantFrom(0, 16),
        (sent, pieces, room) => {
          expect(through(sent, pieces, room)).toEqual(sent);
        },
      ),
    );
  });

  it('carry views of shared memory and parts of buffers; every array comes in a buffer of its own, with room before it', () => {
    const shared = new Float32Array(new SharedArrayBuffer(40)).fill(0.5);
    const sent = {
      shared: shared.subarray(2, 5),
      part: Uint8Array.of(1, 2, 3, 4).subarray(1, 3),
      none: new Int32Array(),
    };
    const [taken] = through([sent], [7], 16) as [typeof sent];
    expect(taken).toEqual({
      shared: Float32Array.of(0.5, 0.5, 0.5),
      part: Uint8Array.of(2, 3),
      none: new Int32Array(),
    });
    for (const array of Object.values(taken)) {
      expect([array.byteOffset, array.buffer.byteLength]).toEqual([16, 16 + array.byteLength]);
    }
  });

  it('refuse what they cannot carry, and bytes that are none', () => {
    expect(() => encodeFrame({ view: new DataView(new ArrayBuffer(8)) })).toThrow(/cannot hold a DataView/);
    expect(() => encodeFrame(() => 1)).toThrow();
    const reader = new FrameReader(() => {});
    expect(() => reader.push(new Uint8Array(8).fill(255))).toThrow(expect.objectContaining({ code: 'compute.frame' }));
    const frame = Buffer.concat(encodeFrame({ array: Float32Array.of(1) }));
    for (const length of [Number.NaN, -1, 0.5, 2 ** 60]) {
      const broken = Buffer.from(frame);
      broken.writeDoubleLE(length, 8);
      expect(() => new FrameReader(() => {}).push(broken)).toThrow(expect.objectContaining({ code: 'compute.frame' }));
    }
    // The value's own bytes, behind its version.
    const unreadable = Buffer.from(frame).fill(0x7e, 18);
    expect(() => new FrameReader(() => {}).push(unreadable)).toThrow(
      expect.objectContaining({ code: 'compute.frame' }),
    );
  });
});
