import type { Command } from 'commander';
import { argument } from '../given.js';

/** Files that clients of a launch prove by who they are, on the host of each: `{host}` stands for its name. */
export interface ClientFileFlags {
  readonly clientCert?: string;
  readonly clientKey?: string;
  readonly keyFile?: string;
}

/** @param templates what else stands for a client in them */
export function addClientFileOptions(command: Command, templates = '{host}'): Command {
  return command
    .option(
      '--client-cert <file>',
      `certificate (PEM) that clients show where the server asks for one; with ${templates}`,
    )
    .option('--client-key <file>', 'its private key (PEM), likewise')
    .option(
      '--key-file <file>',
      `key of \`fedloom clients enrol\` that clients prove who they are by; with ${templates}`,
    );
}

/** As arguments of `client`. */
export function clientFileArguments({ clientCert, clientKey, keyFile }: ClientFileFlags, host: string): string[] {
  const here = (file: string | undefined) => file?.replaceAll('{host}', host);
  return [
    ...argument('--tls-cert', here(clientCert)),
    ...argument('--tls-key', here(clientKey)),
    ...argument('--key-file', here(keyFile)),
  ];
}
