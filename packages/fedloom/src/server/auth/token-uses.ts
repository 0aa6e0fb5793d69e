import { appendFileSync, readFileSync } from 'node:fs';
import { FedloomError } from '@fedloom/engine';

/**
 * Which client processes came with which token, in a file that outlives the server: one line each, the token's id and the
 * process's nonce. Neither is secret.
 */
export class TokenUses {
  readonly #file: string;
  readonly #users = new Map<string, Set<string>>();

  /** @throws FedloomError `auth.file` */
  constructor(file: string) {
    this.#file = file;
    for (const line of readIfThere(file).split('\n')) {
      const [id, nonce] = line.split(' ');
      if (id !== undefined && nonce !== undefined) this.#usersOf(id).add(nonce);
    }
  }

  /** Counts a process, on disk first. @returns false where `uses` others came before it @throws FedloomError `auth.file` */
  take(id: string, nonce: string, uses: number): boolean {
    const users = this.#usersOf(id);
    if (users.has(nonce)) return true;
    if (users.size >= uses) return false;
    try {
      appendFileSync(this.#file, `${id} ${nonce}\n`, { mode: 0o600, flush: true });
    } catch (cause) {
      throw unwritable(this.#file, cause);
    }
    users.add(nonce);
    return true;
  }

  /** @throws FedloomError `auth.file` where nothing can be written down */
  checkWritable(): void {
    try {
      appendFileSync(this.#file, '', { mode: 0o600 });
    } catch (cause) {
      throw unwritable(this.#file, cause);
    }
  }

  #usersOf(id: string): Set<string> {
    let users = this.#users.get(id);
    if (users === undefined) {
      users = new Set();
      this.#users.set(id, users);
    }
    return users;
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw unwritable(file, cause);
  }
}

function unwritable(path: string, cause: unknown): FedloomError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const message = `How often tokens with uses= were used is kept beside their file, and cannot be: ${why}. Give tokens a name instead, or a folder that can be written to.`;
  return new FedloomError('auth.file', message, { path }, { cause });
}
