import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sha256 as platformSha256 } from '../core/node/sha256.js';
import { hmacSha256 as platformHmac } from '../protocol/node/token-proof.js';
import { hmacSha256, sha256 } from './hashes.js';

test('hashes and seals are those of the platform', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.string({ unit: 'binary', maxLength: 100 }), (bytes, secret) => {
      expect(sha256(bytes)).toBe(platformSha256(bytes));
      expect(hmacSha256(secret, bytes)).toBe(platformHmac(secret, bytes));
    }),
    { numRuns: 30 },
  );
});
