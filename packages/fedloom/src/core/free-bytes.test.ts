import { describe, expect, it } from 'vitest';
import { freeBytes } from './free-bytes.js';

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
    for (const bytes of [small, shared, part]) {
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
