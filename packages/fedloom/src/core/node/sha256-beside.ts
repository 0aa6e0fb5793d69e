import { webcrypto } from 'node:crypto';
import { type Hash, hashFrom } from '../brands.js';

/** SHA-256 on a thread of the platform's: this one only copies the bytes, and they may change as soon as it returns. */
export async function sha256Beside(bytes: Uint8Array): Promise<Hash> {
  const digest = await webcrypto.subtle.digest('SHA-256', bytes);
  return hashFrom(`sha256:${Buffer.from(digest).toString('hex')}`);
}
