import { resolve } from 'node:path';
import type { FedloomError } from '@fedloom/engine';
import type { Command } from 'commander';
import type { ClientAuth, ServerAuth } from '../protocol/handshake.js';
import { readSecretFile } from '../protocol/node/secret-file.js';
import { proveToken } from '../protocol/node/token-proof.js';
import { acceptTokens } from '../server/auth/accept-tokens.js';
import { argument } from './given.js';

/** Join tokens, as the command line gives them: never the token itself. */
export interface TokenFlags {
  readonly tokenFile?: string;
}

const VARIABLE = 'FEDLOOM_TOKEN';

export function addServerTokenOption(command: Command): Command {
  return command.option(
    '--token-file <file>',
    'let in only clients with one of the tokens in this file, which `fedloom clients token` writes',
  );
}

export function addClientTokenOption(command: Command): Command {
  return command.option('--token-file <file>', `file with the token to join with (or the variable ${VARIABLE})`);
}

/** As `run.json` keeps it. */
export function tokenFlags({ tokenFile }: TokenFlags): TokenFlags {
  return tokenFile === undefined ? {} : { tokenFile: resolve(tokenFile) };
}

/** As arguments of `server` and `client`. */
export function tokenArguments({ tokenFile }: TokenFlags): string[] {
  return argument('--token-file', tokenFile);
}

/** @throws FedloomError `auth.file`, `auth.open-file`, `auth.token-file` */
export function serverAuth(
  { tokenFile }: TokenFlags,
  onTrouble: (error: FedloomError) => void,
): readonly ServerAuth[] | undefined {
  return tokenFile === undefined ? undefined : [acceptTokens(tokenFile, { onTrouble })];
}

/** Takes the token out of the environment, so that no process that this one starts has it. @throws FedloomError `auth.*` */
export function clientAuth({ tokenFile }: TokenFlags): readonly ClientAuth[] | undefined {
  const given = process.env[VARIABLE];
  delete process.env[VARIABLE];
  if (tokenFile !== undefined) return [proveToken(firstWord(readSecretFile(tokenFile).text))];
  if (given === undefined || given === '') return undefined;
  return [proveToken(given)];
}

/** Of the first line that is not for people: what else stands on a server's line is for the server. */
function firstWord(text: string): string {
  const line = text.split('\n').find((one) => one.trim() !== '' && !one.trim().startsWith('#'));
  return line?.trim().split(/\s/)[0] ?? '';
}
