import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32, plainCrc32 } from './crc32.js';

describe('CRC-32', () => {
  it('equals the check value of the catalogue of CRCs', () => {
    for (const sum of [crc32, plainCrc32]) {
      expect(sum(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
      expect(sum(new Uint8Array())).toBe(0);
    }
  });

  it('equals division bit by bit', () => {
    const naive = (bytes: Uint8Array) => {
      let crc = 0xffffffffn;
      for (const byte of bytes) {
        crc ^= BigInt(byte);
        for (let bit = 0; bit < 8; bit += 1) crc = crc & 1n ? (crc >> 1n) ^ 0xedb88320n : crc >> 1n;
      }
      return Number(crc ^ 0xffffffffn);
    };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(crc32(bytes)).toBe(naive(bytes));
        expect(plainCrc32(bytes)).toBe(naive(bytes));
      }),
    );
  });
});
