import { FedloomError } from '@fedloom/engine';
import type { Dial, Listen } from '../../protocol/transport.js';
import type { ConnectionLimits, SocketOptions, WebSocketDialOptions, WebSocketListenOptions } from './options.js';
import type { TlsFilePaths, TlsFilesOptions } from './tls-files.js';
import { currentTls, type TlsSource } from './tls-source.js';
import { isLoopback } from './upgrade-check.js';

// The sockets' code is loaded when it is used: a simulation needs none and starts 50 ms sooner.

/**
 * WebSocket as a server's `listeners` take it.
 * @throws FedloomError `server.insecure`, `transport.options`; when it listens `transport.port-in-use`, `transport.listen`,
 *   `transport.tls`
 */
export function webSocketListen(options: WebSocketListenOptions & Openness = {}): Listen {
  checkTimes(options);
  checkCounts(options);
  refuseOpenAddress(options);
  refuseTwoServers(options);
  return async (onConnection) => (await import('./listen.js')).listenWebSocket(options, onConnection);
}

/**
 * WebSocket as a client's `dial` takes it, for addresses `ws:` and `wss:`.
 * @throws FedloomError `transport.options`; when it dials `transport.connect`, `transport.tls`
 */
export function webSocketDial(options: WebSocketDialOptions = {}): Dial {
  checkTimes(options);
  return async (url, { signal } = {}) =>
    (await import('./dial.js')).dialWebSocket(url, { ...options, ...(signal && { signal }) });
}

/**
 * A server's TLS of files that may change while it listens, in `tls` of `createServer`: who connects from then on meets what they say
 * then, within some two seconds, and who is connected by a certificate that was revoked is cut.
 * @throws FedloomError `transport.tls` for files that cannot be read or are of no use
 */
export async function tlsFiles(files: TlsFilePaths, options: TlsFilesOptions = {}): Promise<TlsSource> {
  return (await import('./tls-files.js')).openTlsFiles(files, options);
}

/** A timer takes what it does not understand as 1 ms, and one beyond its range too. */
function checkTimes({ pingEveryMs, deadAfterMs }: SocketOptions): void {
  for (const [name, value] of Object.entries({ pingEveryMs, deadAfterMs })) {
    if (value === undefined || (value >= 1 && value < 2 ** 31)) continue;
    throw new FedloomError('transport.options', `${name} must be 1 to 2^31 - 1 milliseconds; got ${value}.`, {
      option: name,
      value,
    });
  }
}

function checkCounts({ connectionsMax, connectionsPerAddressMax }: ConnectionLimits): void {
  for (const [name, value] of Object.entries({ connectionsMax, connectionsPerAddressMax })) {
    if (value === undefined || (Number.isSafeInteger(value) && value >= 1)) continue;
    throw new FedloomError('transport.options', `${name} must be a whole number of at least 1; got ${value}.`, {
      option: name,
      value,
    });
  }
}

/** Who is let in where others may knock, beside what the transport asks for itself. */
export interface Openness {
  /** Listen beyond this machine all the same. */
  readonly insecure?: boolean;
  /** Clients must prove who they are, by the `auth` of the server that is given this. */
  readonly identified?: boolean;
}

function refuseOpenAddress({ host, insecure, identified, server, tls }: WebSocketListenOptions & Openness): void {
  if (host === undefined || server !== undefined || insecure || isLoopback(host)) return;
  const lacks = [
    ...(tls === undefined ? [{ what: 'encryption', mend: 'tls (--tls-cert and --tls-key)' }] : []),
    ...(currentTls(tls)?.clientCa === undefined && !identified
      ? [{ what: 'asking who a client is', mend: 'auth (--token-file) or tls.clientCa (--tls-client-ca)' }]
      : []),
  ];
  if (lacks.length === 0) return;
  throw new FedloomError(
    'server.insecure',
    `The server would listen on ${host}, which other machines can reach, ${lacks.map(({ what }) => `without ${what}`).join(' and ')}. ` +
      `Give ${lacks.map(({ mend }) => mend).join(' and ')}, listen on 127.0.0.1, or say insecure: true (--insecure) on a network you trust.`,
    { host },
  );
}

function refuseTwoServers({ server, tls }: WebSocketListenOptions): void {
  if (server === undefined || tls === undefined) return;
  const message = 'A server of yours has its own TLS: make it with node:https, and leave tls away.';
  throw new FedloomError('transport.options', message, { option: 'tls', value: 'with server' });
}
