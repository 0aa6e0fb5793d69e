import { createHmac } from 'node:crypto';
import type { ClientAuth } from '../handshake.js';
import { type SealFunction, tokenAuth } from '../token.js';

export const hmacSha256: SealFunction = (secret, bytes) => createHmac('sha256', secret).update(bytes).digest('hex');

/**
 * Proves by a token that this client was invited, in `joinFederation`'s `auth`.
 * @throws FedloomError `auth.token` for a text that is no token
 */
export function proveToken(text: string): ClientAuth {
  return tokenAuth(text, hmacSha256);
}
