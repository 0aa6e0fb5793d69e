import type { Place } from '../part.js';
import { type Login, runScript, type ScriptEnd, SILENT } from '../run-script.js';
import { sshFailure } from '../ssh.js';
import type { KeyPair } from './key-pair.js';
import { ADD_KEY } from './scripts.js';

/** What became of a host: it let this machine in before, it does now, or it does not. */
export type LetIn =
  | { readonly kind: 'before' | 'now' }
  | { readonly kind: 'denied' | 'failed'; readonly end: ScriptEnd };

/** A host is believed who it is at the first contact, and never again. */
const FIRST_CONTACT = 'StrictHostKeyChecking=accept-new';

/**
 * Sees to it that a host lets in whoever holds the key.
 * @param login how to get in for that; undefined: there is no way but the key itself
 */
export async function letIn(place: Place, key: KeyPair, login: Login | undefined): Promise<LetIn> {
  const before = await tryKey(place, key);
  if (before.code === 0) return { kind: 'before' };
  if (before.code === 255 && sshFailure(before.lines) !== 'denied') return { kind: 'failed', end: before };
  if (login === undefined) return { kind: 'denied', end: before };
  const added = await runScript(place, ADD_KEY, [key.publicKey], {
    ...login,
    options: [...login.options, FIRST_CONTACT],
  });
  if (added.code !== 0) return { kind: 'failed', end: added };
  const after = await tryKey(place, key);
  return after.code === 0 ? { kind: 'now' } : { kind: 'failed', end: after };
}

function tryKey(place: Place, { path }: KeyPair): Promise<ScriptEnd> {
  return runScript(place, 'true', [], { options: [...SILENT.options, FIRST_CONTACT, `IdentityFile=${path}`] });
}
