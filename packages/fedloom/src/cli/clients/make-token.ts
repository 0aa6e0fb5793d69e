import { randomBytes } from 'node:crypto';
import { appendFile } from 'node:fs/promises';
import { FedloomError } from '@fedloom/engine';
import type { IndexRange } from '../../core/index-ranges.js';
import { storageError } from '../../core/node/storage-error.js';
import { readSecretFile } from '../../protocol/node/secret-file.js';
import { type Invitation, invitationLine, isInvitedName, parseInvitations } from '../../server/auth/invitations.js';
import { writePrivateFile } from '../private-file.js';

export interface TokenRequest {
  /** The server's. */
  readonly tokenFile: string;
  readonly name?: string;
  readonly uses?: number;
  /** Which clients of a run; absent: any. */
  readonly clients?: readonly IndexRange[];
  /** Milliseconds of Unix time; absent: never. */
  readonly expiresMs?: number;
  /** A file for the client's token. */
  readonly out?: string;
}

/**
 * Makes a token, and adds it to the server's file.
 * @returns its text
 * @throws FedloomError `usage.token`, `auth.*`, `store.*`
 */
export async function makeToken({ tokenFile, out, ...terms }: TokenRequest): Promise<string> {
  const { name, uses } = terms;
  if (name === undefined && uses === undefined) {
    throw new FedloomError(
      'usage.token',
      'Say for whom the token is: --name hospital-3, or --uses 10 for so many client processes.',
    );
  }
  if (name !== undefined && !isInvitedName(name)) {
    throw new FedloomError('usage.token', `--name must be one word of at most 64 characters, but is "${name}".`);
  }
  const invitation = newInvitation(terms);
  const token = `${invitation.id}.${invitation.secret}`;
  if (out !== undefined) await writing(out, () => writePrivateFile(out, `${token}\n`));
  await addLine(tokenFile, invitationLine(invitation));
  return token;
}

/** A token that nobody can guess. */
export function newInvitation(terms: Omit<Invitation, 'id' | 'secret'>): Invitation {
  return { ...terms, id: randomBytes(6).toString('hex'), secret: randomBytes(32).toString('base64url') };
}

async function addLine(file: string, line: string): Promise<void> {
  try {
    await writePrivateFile(file, `${line}\n`);
    return;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw storageError(cause, 'write', file, '--token-file');
  }
  const { text } = readSecretFile(file);
  // What the server could not read must not be made worse.
  parseInvitations(text, file);
  await writing(file, () => appendFile(file, `${text === '' || text.endsWith('\n') ? '' : '\n'}${line}\n`));
}

async function writing(path: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (cause) {
    throw storageError(cause, 'write', path, '--out');
  }
}
