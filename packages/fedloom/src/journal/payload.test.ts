import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../core/node/sha256.js';
import {
  type InlineBlob,
  payloadBytesMax,
  splitPayload,
  UNWRITTEN_BYTES,
  withoutBlobs,
  writePayload,
} from './payload.js';
import { blobName } from './storage.js';

const text = '[{"kind":"x"}]';
const records = new TextEncoder().encode(text);

function encodePayload(array: string, blobs: readonly InlineBlob[]): Uint8Array {
  // Memory that had something else in it.
  const memory = new Uint8Array(payloadBytesMax(array, blobs)).fill(0x5a);
  return memory.subarray(0, writePayload(memory, array, blobs));
}
const blobOf = (whole: Uint8Array) => ({ name: blobName('versions', sha256(whole)), bytes: whole });
const blobs = [
  new Uint8Array(),
  Uint8Array.of(0),
  Uint8Array.of(1, 2, 3, 10, 32, 10),
  new Uint8Array(300),
  // What the first key would turn to zeros.
  new Uint8Array(new Uint32Array(75).fill(0xa55a3cc3).buffer),
  new Uint8Array(new Uint32Array([0xa55a3cc3, 0xa55a3cc4, 0xa55a3cc4, 0xa55a3cc5]).buffer),
].map(blobOf);

const hasRun = (bytes: Uint8Array) => Buffer.from(bytes).includes(Buffer.alloc(UNWRITTEN_BYTES));

describe('an entry’s payload', () => {
  it('comes apart as it was put together', () => {
    for (let count = 0; count <= blobs.length; count += 1) {
      const split = splitPayload(encodePayload(text, blobs.slice(0, count)));
      expect(split.records).toEqual(records);
      expect(split.blobs.map(({ name, read }) => ({ name, bytes: read() }))).toEqual(blobs.slice(0, count));
    }
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 4 }), (many) => {
        const given = many.map(blobOf);
        const payload = encodePayload(text, given);
        expect(splitPayload(payload).blobs.map(({ name, read }) => ({ name, bytes: read() }))).toEqual(given);
        expect(hasRun(payload)).toBe(false);
      }),
    );
  });

  it('comes apart in memory of its own, also where it lies anywhere within what was read of a file', () => {
    const payload = encodePayload(text, blobs);
    for (const before of [0, 1, 2, 3]) {
      const file = Buffer.concat([Buffer.alloc(before), payload]).subarray(before);
      for (const time of ['once', 'again']) {
        const split = splitPayload(file).blobs.map(({ name, read }) => ({ name, bytes: read() }));
        expect([before, time, split]).toEqual([before, time, blobs]);
      }
      expect(Uint8Array.from(file)).toEqual(payload);
    }
  });

  it('has no run of zeros: where something was never written shows', () => {
    expect(hasRun(encodePayload(text, blobs))).toBe(false);
  });

  it('loses the blobs that nobody needs', () => {
    const payload = encodePayload(text, blobs);
    const kept = blobs.filter((_, i) => i % 2 === 1);
    const isKept = (name: string) => kept.some((blob) => blob.name === name);
    const shorter = splitPayload(withoutBlobs(payload, isKept));
    expect(shorter.records).toEqual(records);
    expect(shorter.blobs.map(({ name, read }) => ({ name, bytes: read() }))).toEqual(kept);
    expect(withoutBlobs(payload, () => true)).toBe(payload);
    expect(withoutBlobs(payload, () => false)).toEqual(records);
  });

  it('is left whole when a part of it is no blob', () => {
    const [blob] = blobs.slice(2).map(({ name }) => name);
    for (const text of ['[]\n', '[]\nx 1 2\nab', `[]\n${blob} 1 7\nab`, `[]\n${blob} 1 2`, `[]\n${blob} 1 x\nab`]) {
      const payload = new TextEncoder().encode(text);
      expect(splitPayload(payload)).toEqual({ records: payload, blobs: [] });
    }
  });
});
