import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Login } from '../run-script.js';

/** Logs in with a key that hosts let in already, such as that of their image. */
export function keyLogin(path: string): Login {
  return { options: ['BatchMode=yes', 'ConnectTimeout=10', 'IdentitiesOnly=yes', `IdentityFile=${resolve(path)}`] };
}

/** Has ssh ask for a password on the terminal. */
export const askingLogin: Login = { options: ['ConnectTimeout=10'], asks: true };

/**
 * Logs in with the password that is the first line of a file. Ssh asks a program for it, so that it is seen neither among the
 * arguments of a process nor in its environment.
 * @returns also a function that takes the program away
 */
export async function passwordLogin(
  path: string,
): Promise<{ readonly login: Login; readonly close: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'fedloom-ask-'));
  const program = join(folder, 'ask');
  await writeFile(program, '#!/bin/sh\nhead -n 1 "$FEDLOOM_PASSWORD_FILE"\n', { mode: 0o700 });
  return {
    login: {
      options: [
        'ConnectTimeout=10',
        'NumberOfPasswordPrompts=1',
        'PreferredAuthentications=password,keyboard-interactive',
      ],
      environment: {
        SSH_ASKPASS: program,
        SSH_ASKPASS_REQUIRE: 'force',
        // Before OpenSSH 8.4 ssh asks a program only where it sees a screen.
        DISPLAY: process.env.DISPLAY ?? ':0',
        FEDLOOM_PASSWORD_FILE: resolve(path),
      },
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
}
