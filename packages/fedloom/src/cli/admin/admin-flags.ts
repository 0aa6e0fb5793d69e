import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { FedloomError } from '@fedloom/engine';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { storageError } from '../../core/node/storage-error.js';
import type { AdminOptions } from '../../server/admin/admin-server.js';

export interface AdminFlags {
  readonly admin?: AdminAddress;
  readonly adminTokenFile?: string;
  readonly observerTokenFile?: string;
}

/** Where operators are answered, and what admins and observers must know. */
export type OperatorOptions = AdminOptions & Required<Pick<AdminOptions, 'observerToken'>>;

type AdminAddress = 'off' | { readonly host?: string; readonly port: number };

const TOKEN_BYTES = 32;

export function addAdminOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--admin <address>',
        'where operators are answered, PORT or 127.0.0.1:PORT, or off (default: a free port that the run folder names)',
      ).argParser(adminAddress),
    )
    .addOption(
      new Option(
        '--admin-token-file <file>',
        'what admins must know, who steer (default: made anew, in the run folder)',
      ),
    )
    .addOption(
      new Option('--observer-token-file <file>', 'what observers must know, who look on alone (default: likewise)'),
    );
}

function adminAddress(typed: string): AdminAddress {
  if (typed === 'off') return typed;
  const [, host, port = ''] = /^(?:(.+):)?(\d{1,5})$/.exec(typed) ?? [];
  if (port === '' || Number(port) > 65_535) {
    throw new InvalidArgumentError('It must be a port, 127.0.0.1:PORT, or off.');
  }
  return { port: Number(port), ...(host !== undefined && { host: host.replace(/^\[(.*)\]$/, '$1') }) };
}

/** @throws FedloomError `store.*`, `usage.file`; undefined: nobody is answered */
export async function adminOptions(flags: AdminFlags): Promise<OperatorOptions | undefined> {
  const { admin } = flags;
  if (admin === 'off') return undefined;
  const [token, observerToken] = await Promise.all([
    tokenOf('--admin-token-file', flags.adminTokenFile),
    tokenOf('--observer-token-file', flags.observerTokenFile),
  ]);
  return { ...admin, token, observerToken };
}

async function tokenOf(option: string, file: string | undefined): Promise<string> {
  if (file === undefined) return randomBytes(TOKEN_BYTES).toString('base64url');
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw storageError(error, 'read', file, option);
  });
  const token = text.trim();
  if (token !== '' && !/\s/.test(token)) return token;
  const message = `${file} must hold one token on one line.`;
  throw new FedloomError('usage.file', message, { option, file });
}
