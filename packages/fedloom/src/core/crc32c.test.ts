import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c } from './crc32c.js';

describe('CRC-32C', () => {
  // RFC 3720, appendix B.4, where the bytes of the sum stand in the order of the wire.
  const vectors: [name: string, bytes: number[], crc: number][] = [
    ['32 zeros', new Array(32).fill(0), 0x8a9136aa],
    ['32 ones', new Array(32).fill(0xff), 0x62a8ab43],
    ['ascending', Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ['descending', Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
  ];
  for (const [name, bytes, crc] of vectors) {
    it(`equals the vector of ${name}`, () => expect(crc32c(Uint8Array.from(bytes))).toBe(crc));
  }

  it('equals the check value of the catalogue of CRCs', () => {
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
    expect(crc32c(new Uint8Array())).toBe(0);
  });

  it('equals division bit by bit', () => {
    const naive = (bytes: Uint8Array) => {
      let crc = 0xffffffffn;
      for (const byte of bytes) {
        crc ^= BigInt(byte);
        for (let bit = 0; bit < 8; bit += 1) crc = crc & 1n ? (crc >> 1n) ^ 0x82f63b78n : crc >> 1n;
      }
      return Number(crc ^ 0xffffffffn);
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => crc32c(bytes) === naive(bytes)));
  });
});
