import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClientAuth } from '../../../packages/fedloom/dist/protocol/handshake.js';
import { publicText } from '../../../packages/fedloom/dist/protocol/node/client-key.js';
import { proveKey } from '../../../packages/fedloom/dist/protocol/node/key-proof.js';
import { knownClientLine } from '../../../packages/fedloom/dist/server/auth/known-clients.js';

/** As many as a federation has processes, and one of somebody who has no clients. */
const KNOWN = 9;

// Made anew by each process that simulates: nothing that is drawn, and no length, depends on what they are.
const keys: readonly KeyObject[] = Array.from({ length: KNOWN + 1 }, () => generateKeyPairSync('ed25519').privateKey);
/** Whom the server knows, and who has no clients. */
export const STRANGER = KNOWN - 1;
/** Whom nobody knows. */
export const UNKNOWN = KNOWN;

let file: string | undefined;

/** The file of those whom the server knows. */
export function knownClientsFile(): string {
  if (file !== undefined) return file;
  const folder = mkdtempSync(join(tmpdir(), 'fedloom-identities-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const made = join(folder, 'clients.txt');
  const lines = keys
    .slice(0, KNOWN)
    .map((key, i) => `${knownClientLine({ name: `site-${i}`, key: publicText(key) })}\n`);
  writeFileSync(made, lines.join(''), { mode: 0o600 });
  file = made;
  return made;
}

/** By which the process of this number proves who it is. */
export function proofOf(number: number): ClientAuth {
  return proveKey(keyOf(number).export({ type: 'pkcs8', format: 'pem' }).toString());
}

/** A proof that names the key of one, and was made by another. */
export function forgedProof(named: number, by: number, nonce: string): string {
  const [, ...rest] = (proofOf(by).prove({ nonce }) ?? '').split(' ');
  return [publicText(keyOf(named)), ...rest].join(' ');
}

function keyOf(number: number): KeyObject {
  const key = keys[number];
  if (key === undefined) throw new RangeError(`there is no key ${number}`);
  return key;
}
