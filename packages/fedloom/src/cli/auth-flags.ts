import { resolve } from 'node:path';
import type { FedloomError } from '@fedloom/engine';
import type { Command } from 'commander';
import type { ClientAuth, ServerAuth } from '../protocol/handshake.js';
import { proveKey } from '../protocol/node/key-proof.js';
import { readSecretFile } from '../protocol/node/secret-file.js';
import { proveToken } from '../protocol/node/token-proof.js';
import { acceptKeys } from '../server/auth/accept-keys.js';
import { acceptTokens } from '../server/auth/accept-tokens.js';
import { argument, whereGiven } from './given.js';

/** How a server finds out who clients are, as the command line gives it. */
export interface ServerAuthFlags extends TokenFlags {
  readonly knownClients?: string;
}

/** How a client proves who it is, as the command line gives it. */
export interface ClientAuthFlags extends TokenFlags {
  readonly keyFile?: string;
}

/** Join tokens, as the command line gives them: never the token itself. */
export interface TokenFlags {
  readonly tokenFile?: string;
}

const VARIABLE = 'FEDLOOM_TOKEN';

export function addServerAuthOptions(command: Command): Command {
  return command
    .option(
      '--token-file <file>',
      'let in only clients with one of the tokens in this file, which `fedloom clients token` writes',
    )
    .option(
      '--known-clients <file>',
      'let in only clients with one of the keys in this file, which `fedloom clients approve` writes; with both, either will do',
    );
}

export function addClientAuthOptions(command: Command): Command {
  return command
    .option('--token-file <file>', `file with the token to join with (or the variable ${VARIABLE})`)
    .option('--key-file <file>', 'own key, of `fedloom clients enrol`, for servers that know it');
}

/** As `run.json` keeps it. */
export function serverAuthFlags({ tokenFile, knownClients }: ServerAuthFlags): ServerAuthFlags {
  return {
    ...whereGiven('tokenFile', tokenFile && resolve(tokenFile)),
    ...whereGiven('knownClients', knownClients && resolve(knownClients)),
  };
}

/** Whether clients must prove who they are. */
export function asksWho({ tokenFile, knownClients }: ServerAuthFlags): boolean {
  return tokenFile !== undefined || knownClients !== undefined;
}

/** As arguments of `server`. */
export function serverAuthArguments(flags: ServerAuthFlags): string[] {
  return [...tokenArguments(flags), ...argument('--known-clients', flags.knownClients)];
}

/** As arguments of `client`. */
export function tokenArguments({ tokenFile }: TokenFlags): string[] {
  return argument('--token-file', tokenFile);
}

/** @throws FedloomError `auth.file`, `auth.open-file`, `auth.token-file`, `auth.clients-file` */
export function serverAuth(
  flags: ServerAuthFlags,
  onTrouble: (error: FedloomError) => void,
): readonly ServerAuth[] | undefined {
  if (!asksWho(flags)) return undefined;
  const { tokenFile, knownClients } = flags;
  return [
    ...(knownClients === undefined ? [] : [acceptKeys(knownClients, { onTrouble })]),
    ...(tokenFile === undefined ? [] : [acceptTokens(tokenFile, { onTrouble })]),
  ];
}

/** Takes the token out of the environment, so that no process that this one starts has it. @throws FedloomError `auth.*` */
export function clientAuth({ tokenFile, keyFile }: ClientAuthFlags): readonly ClientAuth[] {
  const given = process.env[VARIABLE];
  delete process.env[VARIABLE];
  const token = tokenFile === undefined ? given : firstWord(readSecretFile(tokenFile).text);
  return [
    ...(keyFile === undefined ? [] : [proveKey(readSecretFile(keyFile).text)]),
    ...(token === undefined || (token === '' && tokenFile === undefined) ? [] : [proveToken(token)]),
  ];
}

/** Of the first line that is not for people: what else stands on a server's line is for the server. */
function firstWord(text: string): string {
  const line = text.split('\n').find((one) => one.trim() !== '' && !one.trim().startsWith('#'));
  return line?.trim().split(/\s/)[0] ?? '';
}
