import { FedloomError } from '@fedloom/engine';
import type { AuthContext } from './handshake.js';

/** What a client sends to prove who it is: four words with a blank between. */
export interface Proof {
  /** By what it is known. */
  readonly who: string;
  /** 16 random bytes of this process in hexadecimal digits. */
  readonly nonce: string;
  /** What the client sees of the encryption. */
  readonly binding: string;
  /** Over all that the proof holds for. */
  readonly seal: string;
}

/** Where nothing is encrypted. */
export const PLAIN = 'plain';
/** At a page, whose browser has checked the server's certificate and tells nobody which it is. */
export const ENCRYPTED = 'tls';
/** At a server whose proxy encrypts: it cannot know with which certificate. */
export const PROXIED = 'proxied';

const PROOF = /^(\S{1,128}) ([0-9a-f]{32}) (plain|tls|tls:[0-9a-f]{64}) ([0-9A-Za-z_-]{1,128})$/;

export function proofText({ who, nonce, binding, seal }: Proof): string {
  return `${who} ${nonce} ${binding} ${seal}`;
}

/** @throws FedloomError `protocol.auth` */
export function parseProof(method: string, text: string | undefined): Proof {
  const [, who, nonce, binding, seal] = PROOF.exec(text ?? '') ?? [];
  if (who === undefined || nonce === undefined || binding === undefined || seal === undefined) {
    throw new FedloomError('protocol.auth', `Method '${method}' needs a proof of four words.`, { method });
  }
  return { who, nonce, binding, seal };
}

/**
 * The bytes that a seal is over: what the proof is for, both nonces, the encryption and the run, so that it holds for this
 * connection to this server alone.
 */
export function sealedBytes(method: string, { nonce, binding }: Omit<Proof, 'seal'>, context: AuthContext): Uint8Array {
  return new TextEncoder().encode([`fedloom ${method} 1`, context.nonce, nonce, binding, context.run ?? ''].join('\n'));
}

/** A client's nonce: one process has one, so that the server can tell its connections from those of others. */
export function clientNonce(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * Whether a proof was made for the encryption that the server sees.
 * @throws FedloomError `protocol.auth`: somebody else is between, or the server does not know of its proxy
 */
export function checkBinding(method: string, { binding }: Proof, { binding: own = PLAIN }: AuthContext): void {
  if (own === PROXIED || own === binding) return;
  // Of pages, which have tokens alone.
  if (method === 'token' && binding === ENCRYPTED && own.startsWith('tls:')) return;
  const why =
    binding === PLAIN
      ? 'the client sees no encryption, and this server does: something between takes it off'
      : own === PLAIN
        ? 'the client sees encryption, and this server does not: if a proxy of its own is in front, that must set X-Forwarded-For, and be named by --behind-proxy (behindProxy)'
        : "the client sees another certificate than this server's: something between passes for it";
  throw new FedloomError('protocol.auth', `The proof does not hold here: ${why}.`, { method });
}
