import { describe, expect, it } from 'vitest';
import { freeBytes, uninitializedBytes } from './byte-memory.js';

describe('freeBytes', () => {
  it('detaches a large buffer, also behind a header', () => {
    const whole = new Uint8Array(100_000);
    freeBytes(whole);
    expect(whole.byteLength).toBe(0);
    const behind = new Uint8Array(new ArrayBuffer(100_016), 16);
    freeBytes(behind);
    expect(behind.buffer.byteLength).toBe(0);
  });

  it('leaves alone what is small, shared, or part of something larger', () => {
    const small = new Uint8Array(100);
    const shared = new Uint8Array(new SharedArrayBuffer(100_000));
    const part = new Uint8Array(new ArrayBuffer(300_000), 0, 100_000);
    const followed = new Uint8Array(new ArrayBuffer(100_001), 0, 100_000);
    const behind = new Uint8Array(new ArrayBuffer(100_040), 40);
    for (const bytes of [small, shared, part, followed, behind]) {
      const { byteLength } = bytes;
      freeBytes(bytes);
      expect(bytes.byteLength).toBe(byteLength);
    }
  });

  it('does not let memory grow', () => {
    const before = process.memoryUsage().external;
    for (let i = 0; i < 500; i += 1) freeBytes(new Uint8Array(1 << 20).fill(1));
    expect(process.memoryUsage().external - before).toBeLessThan(50 << 20);
  });
});

describe('uninitializedBytes', () => {
  it('are as many as asked for, in a buffer of their own', () => {
    for (const length of [0, 1, 65_535, 65_536, 1 << 20]) {
      const bytes = uninitializedBytes(length);
      expect(bytes).toHaveLength(length);
      expect(bytes.buffer.byteLength).toBe(length);
    }
  });

  it('are memory that was given back, of the lengths that were asked for last', () => {
    const first = uninitializedBytes(200_000).fill(7);
    freeBytes(first.subarray(16));
    expect(first).toHaveLength(0);
    const again = uninitializedBytes(200_000);
    expect([again[0], again[199_999]]).toEqual([7, 7]);
    freeBytes(again);
    for (const length of [200_008, 200_016, 200_024]) {
      const other = uninitializedBytes(length).fill(9);
      expect(other).toHaveLength(length);
      freeBytes(other);
    }
    const third = uninitializedBytes(200_000);
    expect([third[0], third[199_999]]).toEqual([7, 7]);
    freeBytes(third);
    for (const length of [200_032, 200_040, 200_048, 200_056]) uninitializedBytes(length);
    expect(uninitializedBytes(200_000)).toHaveLength(200_000);
  });

  it('do not let memory grow, however many are given back', () => {
    const before = process.memoryUsage().external;
    const taken = Array.from({ length: 100 }, () => uninitializedBytes(1 << 20).fill(1));
    for (const bytes of taken) freeBytes(bytes);
    expect(process.memoryUsage().external - before).toBeLessThan(20 << 20);
  });
});
