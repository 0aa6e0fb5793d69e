import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { FedloomError } from '@fedloom/engine';
import type { AuthContext, ClientAuth } from '../handshake.js';
import { clientNonce, PLAIN, type Proof, proofText, sealedBytes } from './proof.js';

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

/**
 * Proves by a key of its own who this client is, in `joinFederation`'s `auth`.
 * @param pem the private key, Ed25519 in PKCS #8, as `fedloom clients enrol` writes it
 * @throws FedloomError `auth.key` for a text that is none; it is not repeated
 */
export function proveKey(pem: string): ClientAuth {
  const key = privateKeyOf(pem);
  const who = publicText(key);
  const nonce = clientNonce();
  return {
    name: KEY,
    prove: (context) => {
      const proof = { who, nonce, binding: context.binding ?? PLAIN };
      return proofText({ ...proof, seal: sign(null, sealedBytes(KEY, proof, context), key).toString('base64url') });
    },
  };
}

function privateKeyOf(pem: string): KeyObject {
  let key: KeyObject | undefined;
  try {
    key = createPrivateKey(pem);
  } catch {
    // Told below, without what it holds.
  }
  if (key?.asymmetricKeyType === 'ed25519') return key;
  throw new FedloomError('auth.key', 'This is no private key of Ed25519 in PEM, as `fedloom clients enrol` writes it.');
}
