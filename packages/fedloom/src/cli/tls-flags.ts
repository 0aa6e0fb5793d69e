import { resolve } from 'node:path';
import { FedloomError } from '@fedloom/engine';
import type { Command } from 'commander';
import { tlsFiles } from '../transport/websocket/on-demand.js';
import type { ClientTls } from '../transport/websocket/options.js';
import type { TlsSource } from '../transport/websocket/tls-source.js';
import { argument, whereGiven } from './given.js';
import { textOfFile } from './option-file.js';

/** TLS of a server's WebSocket and of its own MQTT broker, as the command line gives it: files in PEM. */
export interface ServerTlsFlags {
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsClientCa?: string;
  readonly tlsCrl?: string;
}

/** TLS of a client, as the command line gives it: files in PEM; and the proxy on its way. */
export interface ClientTlsFlags {
  readonly tlsCa?: string;
  readonly proxy?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

const PROXY_VARIABLE = 'FEDLOOM_PROXY';
const SERVER_FILES = ['tlsCert', 'tlsKey', 'tlsClientCa', 'tlsCrl'] as const;

export function addServerTlsOptions(command: Command): Command {
  return command
    .option(
      '--tls-cert <file>',
      'certificate (PEM) to encrypt with: clients then dial wss://, or mqtts:// at --mqtt-listen',
    )
    .option('--tls-key <file>', 'its private key (PEM)')
    .option('--tls-client-ca <file>', 'let in only clients with a certificate that this authority (PEM) signed')
    .option('--tls-crl <file>', 'and that does not stand in this list (PEM), which `fedloom certs revoke` writes');
}

export function addClientTlsOptions(command: Command): Command {
  return command
    .option(
      '--tls-ca <file>',
      'certificate (PEM) of the authority to trust at wss:// and mqtts://, in place of the known ones',
    )
    .option('--tls-cert <file>', 'own certificate (PEM), for servers that ask for one')
    .option('--tls-key <file>', 'its private key (PEM)')
    .option(
      '--proxy <url>',
      `HTTP proxy to reach the server through (or the variable ${PROXY_VARIABLE}, which can hold a password)`,
    );
}

/**
 * Takes the proxy out of the environment, so that no process that this one starts has its password.
 * @returns undefined: there is none
 */
export function clientProxy({ proxy }: ClientTlsFlags): string | undefined {
  const given = process.env[PROXY_VARIABLE];
  delete process.env[PROXY_VARIABLE];
  return proxy ?? (given === '' ? undefined : given);
}

/** Those that were given, as `run.json` keeps them: the places of files. */
export function serverTlsFlags(flags: ServerTlsFlags): ServerTlsFlags {
  return Object.fromEntries(
    SERVER_FILES.flatMap((name) => {
      const file = flags[name];
      return file === undefined ? [] : [[name, resolve(file)]];
    }),
  );
}

/** As arguments of `server`. */
export function serverTlsArguments(flags: ServerTlsFlags): string[] {
  return [
    ...argument('--tls-cert', flags.tlsCert),
    ...argument('--tls-key', flags.tlsKey),
    ...argument('--tls-client-ca', flags.tlsClientCa),
    ...argument('--tls-crl', flags.tlsCrl),
  ];
}

/**
 * Of the files as they are whenever somebody connects.
 * @param onTrouble they were changed to something of no use
 * @throws FedloomError `usage.file`, `usage.tls` where the options do not make a whole, `transport.tls`
 */
export async function serverTls(
  { tlsCert, tlsKey, tlsClientCa, tlsCrl }: ServerTlsFlags,
  onTrouble: (error: FedloomError) => void,
): Promise<TlsSource | undefined> {
  const given = { '--tls-cert': tlsCert, '--tls-key': tlsKey, '--tls-client-ca': tlsClientCa, '--tls-crl': tlsCrl };
  await Promise.all(Object.entries(given).map(([option, file]) => textOfFile(option, file)));
  if (tlsCert !== undefined && tlsKey !== undefined) {
    const paths = { ...whereGiven('clientCa', tlsClientCa), ...whereGiven('crl', tlsCrl) };
    return tlsFiles({ certificate: tlsCert, key: tlsKey, ...paths }, { onTrouble });
  }
  if (Object.values(given).every((file) => file === undefined)) return undefined;
  const message =
    'A server needs --tls-cert and --tls-key together, also with --tls-client-ca and --tls-crl. ' +
    '`fedloom certs init` and `fedloom certs issue` make them for a network of your own.';
  throw new FedloomError('usage.tls', message);
}

/** @throws FedloomError `usage.file` */
export async function clientTls({ tlsCa, tlsCert, tlsKey }: ClientTlsFlags): Promise<ClientTls | undefined> {
  const [ca, certificate, key] = await Promise.all([
    textOfFile('--tls-ca', tlsCa),
    textOfFile('--tls-cert', tlsCert),
    textOfFile('--tls-key', tlsKey),
  ]);
  if (ca === undefined && certificate === undefined && key === undefined) return undefined;
  return { ...whereGiven('ca', ca), ...whereGiven('certificate', certificate), ...whereGiven('key', key) };
}
