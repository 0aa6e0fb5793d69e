import { generateKeyPairSync } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { FedloomError } from '@fedloom/engine';
import type { IndexRange } from '../../core/index-ranges.js';
import { storageError } from '../../core/node/storage-error.js';
import { publicText } from '../../protocol/node/client-key.js';
import { isInvitedName } from '../../server/auth/invitations.js';
import {
  enrolmentText,
  inUse,
  type KnownClient,
  knownClientLine,
  parseEnrolment,
  parseKnownClients,
} from '../../server/auth/known-clients.js';
import { writePrivateFile } from '../private-file.js';

/** Makes a client's key. @returns the half that the server is to know @throws FedloomError `store.*`, also where there is one */
export async function enrol(keyFile: string): Promise<string> {
  const { privateKey } = generateKeyPairSync('ed25519');
  try {
    await writePrivateFile(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  } catch (cause) {
    throw storageError(cause, 'write', keyFile, '--key-file');
  }
  return enrolmentText(publicText(privateKey));
}

/** @throws FedloomError `usage.clients`, `auth.clients-file`, `store.*` */
export async function approve(
  file: string,
  name: string,
  enrolment: string,
  clients?: readonly IndexRange[],
): Promise<void> {
  const added = { ...enrolled(name, enrolment), ...(clients && { clients }) };
  const { lines, known } = await read(file);
  if (inUse(known, name) !== undefined) {
    throw usage(`${name} has a key in use. Give it another by fedloom clients rotate, or take it back by revoke.`);
  }
  await write(file, [...lines, knownClientLine(added)]);
}

/** Takes a name's key out of use, and puts another in its place if there is one. @throws FedloomError as `approve` */
export async function revoke(file: string, name: string, enrolment?: string): Promise<void> {
  const added = enrolment === undefined ? undefined : enrolled(name, enrolment);
  const { lines, known } = await read(file);
  const old = inUse(known, name);
  if (old === undefined) throw usage(`${name} has no key in use in ${file}. fedloom clients list shows who has.`);
  const revoked = knownClientLine({ ...old, revoked: new Date().toISOString() });
  const changed = lines.map((line) => (line.trim().startsWith(enrolmentText(old.key)) ? revoked : line));
  await write(
    file,
    added === undefined
      ? changed
      : [...changed, knownClientLine({ ...added, ...(old.clients && { clients: old.clients }) })],
  );
}

/** @throws FedloomError `auth.clients-file`, `store.*` */
export async function knownClients(file: string): Promise<readonly KnownClient[]> {
  return (await read(file)).known;
}

function enrolled(name: string, enrolment: string): Pick<KnownClient, 'name' | 'key'> {
  if (!isInvitedName(name)) throw usage(`A name is one word of at most 64 characters, but is "${name}".`);
  const key = parseEnrolment(enrolment)?.key;
  if (key !== undefined) return { name, key };
  throw usage(
    `"${enrolment}" is no key of a client: it reads like ed25519:…, as fedloom clients enrol prints it there.`,
  );
}

async function read(
  file: string,
): Promise<{ readonly lines: readonly string[]; readonly known: readonly KnownClient[] }> {
  let text = '';
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw storageError(cause, 'read', file, '--known-clients');
  }
  return {
    lines: text.split('\n').filter((line, at, all) => line !== '' || at < all.length - 1),
    known: parseKnownClients(text, file),
  };
}

/** As a whole, so that a server never reads half of it. @throws FedloomError `store.*`, `auth.clients-file` */
async function write(file: string, lines: readonly string[]): Promise<void> {
  const text = lines.map((line) => `${line}\n`).join('');
  parseKnownClients(text, file);
  const next = `${file}.${process.pid}.new`;
  try {
    await writeFile(next, text, { mode: 0o600, flag: 'wx' });
    await rename(next, file);
  } catch (cause) {
    throw storageError(cause, 'write', file, '--known-clients');
  }
}

function usage(message: string): FedloomError {
  return new FedloomError('usage.clients', message);
}
