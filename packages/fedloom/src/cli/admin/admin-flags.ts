import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { FedloomError } from '@fedloom/engine';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { storageError } from '../../core/node/storage-error.js';
import type { AdminOptions } from '../../server/admin/admin-server.js';

export interface AdminFlags {
  readonly admin?: AdminAddress;
  readonly adminTokenFile?: string;
}

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
      new Option('--admin-token-file <file>', 'what operators must know (default: made anew, in the run folder)'),
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
export async function adminOptions({ admin, adminTokenFile }: AdminFlags): Promise<AdminOptions | undefined> {
  if (admin === 'off') return undefined;
  if (adminTokenFile === undefined) return { ...admin, token: randomBytes(TOKEN_BYTES).toString('base64url') };
  const text = await readFile(adminTokenFile, 'utf8').catch((error: unknown) => {
    throw storageError(error, 'read', adminTokenFile, '--admin-token-file');
  });
  const token = text.trim();
  if (token !== '' && !/\s/.test(token)) return { ...admin, token };
  const message = `${adminTokenFile} must hold one token on one line.`;
  throw new FedloomError('usage.file', message, { option: '--admin-token-file', file: adminTokenFile });
}
