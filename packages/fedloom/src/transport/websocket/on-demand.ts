import { FedloomError } from '@fedloom/engine';
import type { Dial, Listen } from '../../protocol/transport.js';
import type { SocketOptions, WebSocketDialOptions, WebSocketListenOptions } from './options.js';
import { isLoopback } from './upgrade-check.js';

// The sockets' code is loaded when it is used: a simulation needs none and starts 50 ms sooner.

/**
 * WebSocket as a server's `listeners` take it.
 * @throws FedloomError `server.insecure`, `transport.options`; when it listens `transport.port-in-use`, `transport.listen`
 */
export function webSocketListen(options: WebSocketListenOptions & { readonly insecure?: boolean } = {}): Listen {
  checkTimes(options);
  refuseOpenAddress(options);
  return async (onConnection) => (await import('./listen.js')).listenWebSocket(options, onConnection);
}

/**
 * WebSocket as a client's `dial` takes it, for addresses `ws:` and `wss:`.
 * @throws FedloomError `transport.options`; when it dials `transport.connect`
 */
export function webSocketDial(options: WebSocketDialOptions = {}): Dial {
  checkTimes(options);
  return async (url, { signal } = {}) =>
    (await import('./dial.js')).dialWebSocket(url, { ...options, ...(signal && { signal }) });
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

function refuseOpenAddress({ host, insecure, server }: WebSocketListenOptions & { readonly insecure?: boolean }): void {
  if (host === undefined || server !== undefined || insecure || isLoopback(host)) return;
  throw new FedloomError(
    'server.insecure',
    `The server would listen on ${host}, which other machines can reach, without encryption and without asking who a client is. ` +
      'Listen on 127.0.0.1, or say insecure: true (--insecure) on a network you trust.',
    { host },
  );
}
