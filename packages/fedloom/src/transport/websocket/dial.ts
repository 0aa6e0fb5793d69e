import type { Agent, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { FedloomError } from '@fedloom/engine';
import { WebSocket } from 'ws';
import type { Connection } from '../../protocol/transport.js';
import type { ConnectReason } from '../error-codes.js';
import { connectError, dialError, proxyName } from './connect-error.js';
import type { WebSocketDialOptions } from './options.js';
import { watchOwnAddress } from './own-address.js';
import { proxyAgent } from './proxy-agent.js';
import { SocketConnection, webSocketOptions } from './socket-connection.js';
import { clientTlsContext, tlsBinding } from './tls.js';
import { isLoopback } from './upgrade-check.js';

/** Of HTTP: a proxy wants to know who it is that asks. */
const PROXY_ASKS = 407;

/** Dials from Node over the `ws` package. @throws FedloomError `transport.connect` with a `ConnectReason`, `transport.tls` */
export async function dialWebSocket(
  url: string,
  options: WebSocketDialOptions & { readonly signal?: AbortSignal } = {},
): Promise<Connection> {
  const { proxy } = options;
  const agent = proxy === undefined ? undefined : await proxyAgent(proxy);
  const { signal } = options;
  return new Promise<Connection>((resolve, reject) => {
    if (signal?.aborted) return reject(connectError(url, 'cancelled', signal.reason));
    const webSocket = openSocket(url, options, agent);
    let socket: Socket | undefined;

    function settle(error?: FedloomError): void {
      signal?.removeEventListener('abort', abort);
      webSocket.removeAllListeners();
      if (error === undefined && socket !== undefined) {
        const { localAddress } = socket;
        // Closed here, it is dialled again from where the machine is now.
        webSocket.on(
          'close',
          watchOwnAddress(localAddress, () => webSocket.terminate()),
        );
        return resolve(new SocketConnection(webSocket, socket, options, serverCertificate(socket)));
      }
      // `terminate` of a socket that is not open emits an error.
      webSocket.on('error', () => {});
      webSocket.terminate();
      reject(error);
    }
    function abort(): void {
      settle(connectError(url, 'cancelled', signal?.reason));
    }

    signal?.addEventListener('abort', abort);
    webSocket.on('upgrade', (response) => {
      socket = response.socket;
    });
    webSocket.on('open', () => settle());
    webSocket.on('error', (cause) => settle(dialError(url, cause, options)));
    webSocket.on('unexpected-response', (_request, response) => {
      firstText(response, (text) => settle(rejectedError(url, response.statusCode ?? 0, text, proxy)));
    });
  });
}

function openSocket(url: string, options: WebSocketDialOptions, agent: Agent | undefined): WebSocket {
  const secureContext = options.tls && clientTlsContext(options.tls);
  try {
    const { hostname } = new URL(url);
    return new WebSocket(url, {
      ...webSocketOptions,
      handshakeTimeout: options.connectTimeoutMs ?? 10_000,
      followRedirects: false,
      ...(secureContext && { secureContext }),
      ...(agent && { agent }),
      ...(isLoopback(hostname) && agent === undefined ? { generateMask } : {}),
    });
  } catch (cause) {
    throw connectError(url, 'url', cause);
  }
}

/** By which the server is known, so that a proof for it is of no use elsewhere. */
function serverCertificate(socket: Socket): { readonly binding?: string } {
  const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
  return certificate === undefined ? {} : { binding: tlsBinding(certificate) };
}

/**
 * Masks keep web pages from writing bytes of their choice through a proxy (RFC 6455, 10.3). There is none on loopback,
 * where a mask of zeros spares a pass over every byte on both sides.
 */
function generateMask(mask: Buffer): void {
  mask.fill(0);
}

function rejectedError(url: string, status: number, text: string, proxy?: string): FedloomError {
  const reason: ConnectReason = 'rejected';
  const who = proxy === undefined ? `The server at ${url}` : `The server at ${url}, or the proxy ${proxyName(proxy)},`;
  const message =
    status === PROXY_ASKS && proxy !== undefined
      ? `The proxy ${proxyName(proxy)} asks who this is: give http://USER:PASSWORD@HOST:PORT in FEDLOOM_PROXY (proxy).`
      : `${who} answered with HTTP status ${status}: ${text === '' ? 'it is no fedloom server' : text}`;
  return new FedloomError('transport.connect', message, { url, reason, status });
}

/** The start of a response's text, printable, for an error message. */
function firstText(response: IncomingMessage, done: (text: string) => void): void {
  let text = '';
  response.setEncoding('utf8');
  response.on('data', (part: string) => {
    text += part;
    if (text.length > 400) response.destroy();
  });
  response.on('error', () => {});
  response.on('close', () =>
    done(
      text
        .slice(0, 400)
        .replace(/[^\x20-\x7e]+/g, ' ')
        .trim(),
    ),
  );
}
