import { FedloomError } from '@fedloom/engine';
import type { AuthContext, ClientAuth } from './handshake.js';
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

/** HMAC-SHA256 under `secret`, in hexadecimal digits. Injected, since platforms differ in who has it. */
export type SealFunction = (secret: string, bytes: Uint8Array) => string;

/** The seal of a proof by a token: the token itself does not travel. */
export function tokenSeal(
  { secret }: Token,
  proof: Omit<Proof, 'seal'>,
  context: AuthContext,
  seal: SealFunction,
): string {
  return seal(secret, sealedBytes(TOKEN, proof, context));
}

/**
 * Proves by a token that a client was invited.
 * @throws FedloomError `auth.token` for a text that is no token
 */
export function tokenAuth(text: string, seal: SealFunction): ClientAuth {
  const token = parseToken(text);
  const nonce = clientNonce();
  return {
    name: TOKEN,
    prove: (context) => {
      const proof = { who: token.id, nonce, binding: context.binding ?? PLAIN };
      return proofText({ ...proof, seal: tokenSeal(token, proof, context, seal) });
    },
  };
}
