import { createHmac } from 'node:crypto';
import { FedloomError } from '@fedloom/engine';
import type { AuthContext, ClientAuth } from '../handshake.js';
import { clientNonce, PLAIN, type Proof, proofText, sealedBytes } from './proof.js';

/** Name of the method in the handshake. */
export const TOKEN = 'token';

/** A token in two halves: which it is, and what nobody else knows. */
export interface Token {
  readonly id: string;
  readonly secret: string;
}

const FORM = /^([0-9a-f]{12})\.([A-Za-z0-9_-]{43})$/;

/** @throws FedloomError `auth.token` for a text that is none; it is not repeated */
export function parseToken(text: string): Token {
  const [, id, secret] = FORM.exec(text.trim()) ?? [];
  if (id !== undefined && secret !== undefined) return { id, secret };
  throw new FedloomError(
    'auth.token',
    'This is no token: it reads like 0123456789ab.SECRET, as `fedloom clients token` prints it.',
  );
}

/** The seal of a proof by a token, in hexadecimal digits: the token itself does not travel. */
export function tokenSeal({ secret }: Token, proof: Omit<Proof, 'seal'>, context: AuthContext): string {
  return createHmac('sha256', secret)
    .update(sealedBytes(TOKEN, proof, context))
    .digest('hex');
}

/**
 * Proves by a token that this client was invited, in `joinFederation`'s `auth`.
 * @throws FedloomError `auth.token` for a text that is no token
 */
export function proveToken(text: string): ClientAuth {
  const token = parseToken(text);
  const nonce = clientNonce();
  return {
    name: TOKEN,
    prove: (context) => {
      const proof = { who: token.id, nonce, binding: context.binding ?? PLAIN };
      return proofText({ ...proof, seal: tokenSeal(token, proof, context) });
    },
  };
}
