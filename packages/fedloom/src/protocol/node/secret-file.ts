import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { FedloomError } from '@fedloom/engine';

/** Reading, writing or entering by whoever is neither the owner nor of the group. */
const EVERYBODY = 0o007;

/** A file with secrets, and when it was that. */
export interface SecretFile {
  readonly text: string;
  /** Changes whenever the file does. */
  readonly state: string;
}

/**
 * Reads a file of tokens or keys, which are secret or must not be changed by others.
 * @throws FedloomError `auth.open-file` if everybody may, `auth.file` if this process may not, or there is none
 */
export function readSecretFile(path: string): SecretFile {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const { mode, mtimeMs, ino, size } = fstatSync(file);
    if (process.platform !== 'win32' && (mode & EVERYBODY) !== 0) throw openFile(path);
    return { text: readFileSync(file, 'utf8'), state: `${mtimeMs} ${ino} ${size}` };
  } catch (cause) {
    if (cause instanceof FedloomError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new FedloomError('auth.file', `A file with tokens or keys cannot be read: ${why}.`, { path }, { cause });
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function openFile(path: string): FedloomError {
  const message = `${path} says who may come in, and everybody on this machine may read or change it. Take that away: chmod 600 ${path}`;
  return new FedloomError('auth.open-file', message, { path });
}
