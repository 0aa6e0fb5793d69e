import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { FedloomError } from '@fedloom/engine';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Connection, Listener } from '../../protocol/transport.js';
import { CertifiedConnections } from './certified-connections.js';
import { ConnectionGuard, requestLimits } from './connection-guard.js';
import type { WebSocketListenOptions } from './options.js';
import { Proxies } from './proxies.js';
import { type OtherEnd, SocketConnection, webSocketOptions } from './socket-connection.js';
import { certifiedName, secureContextOptions, serverTlsOptions, tlsBinding } from './tls.js';
import { currentTls, type ServerTls, type TlsSource } from './tls-source.js';
import { UnfinishedFrames } from './unfinished-frames.js';
import { certificateRefusal, checkUpgrade } from './upgrade-check.js';

const CLOSING = 'transport.full: the server is closing';
const UNFINISHED = 'transport.unfinished: the frame that began longest ago had no end, and others need the room';

/**
 * Accepts WebSocket connections, on a port of its own or on an existing HTTP server.
 * @throws FedloomError `transport.port-in-use`, `transport.listen`, `transport.tls`, `transport.options`.
 */
export async function listenWebSocket(
  options: WebSocketListenOptions,
  onConnection: (connection: Connection) => void,
): Promise<Listener> {
  const { path = '/', host = '127.0.0.1' } = options;
  const given = options.server as Server | HttpsServer | undefined;
  const proxies = new Proxies(options.behindProxy ?? []);
  const guard = new ConnectionGuard(options);
  const unfinished = new UnfinishedFrames();
  const tls = currentTls(options.tls);
  const server = given ?? (await startServer(host, options.port ?? 0, guard, tls));
  const certified = new CertifiedConnections();
  const webSockets = new WebSocketServer({
    ...webSocketOptions,
    noServer: true,
    clientTracking: true,
  });

  function upgrade(request: IncomingMessage, duplex: Duplex, head: Buffer): void {
    const socket = duplex as Socket;
    const refused = refusal(request, socket);
    if (refused === 'not ours') return;
    if (refused !== undefined) return refuse(socket, refused.status, refused.text);
    webSockets.handleUpgrade(request, socket, head, (webSocket) => take(webSocket, socket, otherEnd(request)));
  }

  /** Apart from `upgrade`, whose request would be held as long as what is made here. */
  function take(webSocket: WebSocket, socket: Socket, end: OtherEnd): void {
    const connection = new SocketConnection(webSocket, socket, options, end);
    unfinished.watch(webSocket, socket, () => connection.abort(UNFINISHED));
    if (tls?.clientCa !== undefined) certified.add(connection, socket as TLSSocket);
    onConnection(connection);
  }

  function otherEnd(request: IncomingMessage): OtherEnd {
    const { socket } = request;
    if (socket instanceof TLSSocket) {
      const own = socket.getX509Certificate();
      const name = tls?.clientCa === undefined ? undefined : certifiedName(socket);
      return { ...(own && { binding: tlsBinding(own) }), ...(name !== undefined && { certified: name }) };
    }
    const peer = proxies.clientOf(socket.remoteAddress, forwardedFor(request));
    return peer === undefined ? {} : { peer, binding: PROXIED };
  }

  function refusal(
    request: IncomingMessage,
    socket: Socket,
  ): 'not ours' | { readonly status: string; readonly text: string } | undefined {
    if ((request.url ?? '').split('?')[0] !== path) {
      // Others may listen for upgrades on the same server at other paths.
      return server.listenerCount('upgrade') > 1
        ? 'not ours'
        : { status: '404 Not Found', text: 'transport.path: nothing is here' };
    }
    const rules = { ...options, boundHost: addressOf(server)?.address ?? host };
    const refused = checkUpgrade({ host: request.headers.host, origin: request.headers.origin }, rules);
    if (refused) return { status: '403 Forbidden', text: `${refused.code}: ${refused.message}` };
    const untrusted = tls?.clientCa !== undefined && certificateRefusal(request.socket as TLSSocket);
    if (untrusted) return { status: '403 Forbidden', text: `transport.certificate: ${untrusted}` };
    const full = guard.refusal(socket, webSockets.clients.size);
    return full === undefined ? undefined : { status: '503 Service Unavailable', text: `transport.full: ${full}` };
  }

  const stop = followTls(options.tls, server, certified);
  server.on('upgrade', upgrade);
  return {
    get url() {
      return urlOf(server, path);
    },
    async close() {
      server.off('upgrade', upgrade);
      stop();
      if (options.server !== undefined) return;
      // Whoever has begun to ask would be told that this takes no requests but upgrades, and give up for good.
      server.removeAllListeners('upgrade');
      server.on('upgrade', (_request, socket) => refuse(socket, '503 Service Unavailable', CLOSING));
      // Not awaited by its callback, which waits for every open connection.
      server.close();
      server.closeIdleConnections();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

/** Who connects from now on meets what the source says then. @returns ends it */
function followTls(
  tls: ServerTls | TlsSource | undefined,
  server: Server | HttpsServer,
  certified: CertifiedConnections,
): () => void {
  if (tls === undefined || !('watch' in tls) || !('setSecureContext' in server)) return () => {};
  return tls.watch(({ tls: changed, isRevoked }) => {
    server.setSecureContext(secureContextOptions(changed));
    certified.cut(isRevoked);
  });
}

/** What is in front encrypts, and this server cannot know with which certificate. */
const PROXIED = 'proxied';

function forwardedFor({ headers }: IncomingMessage): string | undefined {
  const forwarded = headers['x-forwarded-for'];
  return Array.isArray(forwarded) ? forwarded.join(',') : forwarded;
}

function answerPlainly(_request: IncomingMessage, response: ServerResponse): void {
  // Closed, whatever of its body is still to come.
  response.writeHead(426, { 'Content-Type': 'text/plain', Upgrade: 'websocket', Connection: 'Upgrade, close' });
  response.end('This is a fedloom server: clients connect to it by WebSocket.\n');
}

async function startServer(
  host: string,
  port: number,
  guard: ConnectionGuard,
  tls: ServerTls | undefined,
): Promise<Server | HttpsServer> {
  const server =
    tls === undefined
      ? createServer(requestLimits, answerPlainly)
      : createHttpsServer({ ...requestLimits, ...serverTlsOptions(tls) }, answerPlainly);
  guard.watch(server);
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(listenError(cause, host, port)));
    server.listen(port, host, () => {
      server.removeAllListeners('error');
      server.on('error', () => {});
      resolve(server);
    });
  });
}

function listenError(cause: NodeJS.ErrnoException, host: string, port: number): FedloomError {
  const fields = { host, port };
  if (cause.code === 'EADDRINUSE') {
    const message = `Port ${port} of ${host} is in use. Choose another port, or end the program that holds it.`;
    return new FedloomError('transport.port-in-use', message, fields, { cause });
  }
  const advice =
    cause.code === 'EACCES'
      ? 'Ports below 1024 need privileges: choose a higher one.'
      : cause.code === 'EADDRNOTAVAIL' || cause.code === 'ENOTFOUND'
        ? 'Choose an address of this machine, 127.0.0.1 or 0.0.0.0.'
        : 'Choose another address or port.';
  return new FedloomError('transport.listen', `Cannot listen on ${host}:${port}: ${cause.message}. ${advice}`, fields, {
    cause,
  });
}

function refuse(socket: Duplex, status: string, text: string): void {
  socket.on('error', () => {});
  const bytes = Buffer.byteLength(text);
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${bytes}\r\n\r\n${text}`,
    () => socket.destroy(),
  );
}

function addressOf(server: Server | HttpsServer): AddressInfo | undefined {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address : undefined;
}

function urlOf(server: Server | HttpsServer, path: string): string {
  const address = addressOf(server);
  if (address === undefined) {
    throw new FedloomError(
      'transport.not-listening',
      'The HTTP server does not listen on a port yet: start it before you ask for the URL.',
    );
  }
  const scheme = 'setSecureContext' in server ? 'wss' : 'ws';
  const wildcard = address.address === '0.0.0.0' || address.address === '::';
  const host = wildcard ? '127.0.0.1' : address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `${scheme}://${host}:${address.port}${path === '/' ? '' : path}`;
}
