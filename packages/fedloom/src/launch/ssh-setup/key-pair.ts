import { execFile } from 'node:child_process';
import { access, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { FedloomError } from '@fedloom/engine/base';
import { makeFolders } from '../../core/node/make-folders.js';

/** A key of this user. */
export interface KeyPair {
  /** The file of the private key. */
  readonly path: string;
  /** A line: kind, key, comment. */
  readonly publicKey: string;
  readonly made: boolean;
}

/**
 * The key pair of a file; makes it where there is none, without a passphrase, since nobody is there to type it.
 * @param path undefined: `~/.ssh/id_ed25519`, which ssh tries by itself
 * @throws FedloomError `ssh-setup.key`
 */
export async function openKeyPair(path = join(homedir(), '.ssh', 'id_ed25519')): Promise<KeyPair> {
  try {
    const made = !(await access(path).then(
      () => true,
      () => false,
    ));
    if (made) {
      await makeFolders(dirname(path), 0o700);
      await run(['-q', '-t', 'ed25519', '-N', '', '-f', path]);
    }
    const publicKey = await readFile(`${path}.pub`, 'utf8').catch(() => run(['-y', '-P', '', '-f', path]));
    return { path, publicKey: publicKey.trim(), made };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.trim() : String(cause);
    throw new FedloomError('ssh-setup.key', `No key pair at ${path}: ${why}`, { path }, { cause });
  }
}

async function run(args: readonly string[]): Promise<string> {
  return (await promisify(execFile)('ssh-keygen', args)).stdout;
}
