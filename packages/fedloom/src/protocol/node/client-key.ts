import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import type { AuthContext } from '../handshake.js';
import { type Proof, sealedBytes } from '../proof.js';

/** Name of the method in the handshake. */
export const KEY = 'key';

/** Of Ed25519 (RFC 8032), 32 bytes in base64url. */
const PUBLIC = /^[A-Za-z0-9_-]{43}$/;

/**
 * The key that a client is known by.
 * @returns undefined for a text that is none
 */
export function publicKeyOf(text: string): KeyObject | undefined {
  if (!PUBLIC.test(text)) return undefined;
  try {
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: text }, format: 'jwk' });
  } catch {
    return undefined;
  }
}

/** The half of a client's private key that its server knows, in base64url. */
export function publicText(key: KeyObject): string {
  return String(createPublicKey(key).export({ format: 'jwk' }).x);
}

/** Whether a proof was made with the private half of `key`. */
export function sealHolds(key: KeyObject, proof: Proof, context: AuthContext): boolean {
  return verify(null, sealedBytes(KEY, proof, context), key, Buffer.from(proof.seal, 'base64url'));
}
