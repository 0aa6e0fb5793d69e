import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { FedloomError } from '@fedloom/engine';
import type { ClientAuth } from '../handshake.js';
import { clientNonce, PLAIN, proofText, sealedBytes } from '../proof.js';
import { KEY, publicText } from './client-key.js';

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
