import { FedloomError } from '@fedloom/engine';
import { noAuth, type ServerAuth } from '../protocol/handshake.js';
import type { Connection, Listen, Listener } from '../protocol/transport.js';
import { webSocketListen } from '../transport/websocket/on-demand.js';
import type { AttachableServer, ConnectionLimits } from '../transport/websocket/options.js';
import type { ServerTls, TlsSource } from '../transport/websocket/tls-source.js';
import type { Entry, LobbyParts } from './lobby/lobby.js';

/** Longer than most clients read their data for before they join. */
const JOIN_TIMEOUT_MS = 600_000;

/** Where a server or a lobby listens. */
export interface ListenOptions extends ConnectionLimits {
  /**
   * Transports to listen on, in place of the one WebSocket that the options below describe; `webSocketListen` may be among
   * them. Who may reach them is up to whoever made them.
   */
  readonly listeners?: readonly Listen[];
  /** Address to listen on. Default 127.0.0.1 and a free port. */
  readonly listen?: { readonly host?: string; readonly port?: number };
  /**
   * How clients prove who they are, in order of preference: `[acceptTokens('tokens.txt')]`. It holds for all transports. Default:
   * nobody is asked.
   */
  readonly auth?: readonly ServerAuth[];
  /** Told of everybody who came as far as a connection, and what became of that. */
  readonly onEntry?: (entry: Entry) => void;
  /** Attach to this HTTP server instead of opening a port. */
  readonly server?: AttachableServer;
  /** Path of the WebSocket endpoint. Default `/`. */
  readonly path?: string;
  /** Encrypt, and ask for certificates of clients where `clientCa` is given; of files that may change: `tlsFiles`. */
  readonly tls?: ServerTls | TlsSource;
  /** Addresses and nets of proxies in front, whose `X-Forwarded-For` names the client. Default none. */
  readonly behindProxy?: readonly string[];
  /** Listen beyond loopback although nothing is encrypted, or nobody is asked who they are. */
  readonly insecure?: boolean;
  /** Browser pages from these origins may connect. Default none. */
  readonly allowedOrigins?: readonly string[];
  /** Names under which clients may reach the server, beside the address itself and loopback names. */
  readonly allowedHosts?: readonly string[];
  /** How often a WebSocket asks its client for a sign of life; below the idle timeout of proxies between. Default 15 s. */
  readonly pingEveryMs?: number;
  /**
   * A connection over which no client has joined after so long is closed, whatever the transport; whoever still prepares dials again.
   * Default 10 min.
   */
  readonly joinTimeoutMs?: number;
}

/** Their names: transports check them. The compiler sees that none is forgotten. */
export const listenOptions: Readonly<Record<keyof ListenOptions, true>> = {
  listeners: true,
  listen: true,
  server: true,
  path: true,
  insecure: true,
  allowedOrigins: true,
  allowedHosts: true,
  auth: true,
  onEntry: true,
  behindProxy: true,
  tls: true,
  pingEveryMs: true,
  connectionsMax: true,
  connectionsPerAddressMax: true,
  joinTimeoutMs: true,
};

/** What a lobby is told of where it listens. @throws FedloomError `transport.options` */
export function lobbyPartsOf({
  joinTimeoutMs = JOIN_TIMEOUT_MS,
  auth,
  onEntry,
}: ListenOptions): Omit<LobbyParts, 'clock' | 'nonce'> {
  if (joinTimeoutMs > 0 && Number.isFinite(joinTimeoutMs)) {
    return { joinTimeoutMs, ...(auth && { auth }), ...(onEntry && { onEntry }) };
  }
  throw new FedloomError(
    'transport.options',
    `joinTimeoutMs must be a number of milliseconds above 0; got ${joinTimeoutMs}.`,
    { option: 'joinTimeoutMs', value: joinTimeoutMs },
  );
}

/** @throws FedloomError `server.listeners` when there are none, or options of a WebSocket beside them; `server.insecure` */
export function listensOf(options: ListenOptions): readonly Listen[] {
  const {
    listeners,
    listen,
    server,
    path,
    allowedOrigins,
    allowedHosts,
    insecure,
    pingEveryMs,
    tls,
    behindProxy,
    auth,
    connectionsMax,
    connectionsPerAddressMax,
  } = options;
  const webSocket = {
    ...listen,
    ...(server && { server }),
    ...(path && { path }),
    ...(allowedOrigins && { allowedOrigins }),
    ...(allowedHosts && { allowedHosts }),
    ...(tls && { tls }),
    ...(behindProxy && { behindProxy }),
    ...(insecure && { insecure }),
    ...(pingEveryMs !== undefined && { pingEveryMs }),
    ...(connectionsMax !== undefined && { connectionsMax }),
    ...(connectionsPerAddressMax !== undefined && { connectionsPerAddressMax }),
  };
  if (listeners === undefined) return [webSocketListen({ ...webSocket, identified: asksEverybody(auth) })];
  const idle = Object.keys(webSocket);
  if (listeners.length > 0 && idle.length === 0) return listeners;
  throw new FedloomError(
    'server.listeners',
    listeners.length === 0
      ? 'A server needs at least one of listeners; leave the option away for a WebSocket on a free port.'
      : `The options ${idle.join(', ')} are of the server's own WebSocket, which listeners replace: give them to webSocketListen in the list.`,
    { options: idle },
  );
}

function asksEverybody(auth: readonly ServerAuth[] | undefined): boolean {
  return auth !== undefined && !auth.some(({ name }) => name === noAuth.name);
}

/** All of them, in their order. */
export class Listeners {
  readonly #open: Listener[] = [];
  #closing: Promise<unknown> | undefined;

  get urls(): readonly string[] {
    return this.#open.map(({ url }) => url);
  }

  /** The first one's. */
  get url(): string {
    return this.urls[0] ?? '';
  }

  /** @throws FedloomError `transport.*`; then none listens */
  async open(listens: readonly Listen[], accept: (connection: Connection) => void): Promise<void> {
    try {
      for (const listen of listens) this.#open.push(await listen(accept));
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Stops accepting; connections stay. */
  async close(): Promise<void> {
    this.#closing ??= Promise.allSettled(this.#open.map((listener) => listener.close()));
    await this.#closing;
  }
}
