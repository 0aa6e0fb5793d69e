import type { ServerTls, TlsSource } from './tls-source.js';

/** Of both ends. */
export interface SocketOptions {
  /** `send` returns false from so many bytes on that have not left; default 8 MiB. */
  readonly bufferedBytesMax?: number;
  /** How often to ask the other end for a sign of life; default 15 s. Keep it below the idle timeout of proxies between. */
  readonly pingEveryMs?: number;
  /** Silence after which the other end counts as gone, unless the connection is patient; default 2 min. */
  readonly deadAfterMs?: number;
}

/** How a client checks a server of `wss:`, and shows who it is itself. PEM texts. */
export interface ClientTls {
  /** Certificates of the authorities to trust, in place of those that Node knows. */
  readonly ca?: string;
  /** The client's own certificate, for servers that ask for one; with those between it and its authority behind it. */
  readonly certificate?: string;
  /** Its private key. */
  readonly key?: string;
}

export interface WebSocketDialOptions extends SocketOptions {
  /** For connection and handshake together; default 10 s. */
  readonly connectTimeoutMs?: number;
  /** For addresses `wss:`. */
  readonly tls?: ClientTls;
  /** The HTTP proxy to go through (CONNECT): `http://proxy.example:3128`, with `USER:PASSWORD@` where it asks. Default none. */
  readonly proxy?: string;
}

/** A `Server` of `node:http` or `node:https`: what is used of it, so that its types are not needed. */
export interface AttachableServer {
  on(event: 'upgrade', handler: (...args: unknown[]) => void): unknown;
  off(event: 'upgrade', handler: (...args: unknown[]) => void): unknown;
  listenerCount(event: 'upgrade'): number;
  address(): string | { readonly address: string; readonly family: string; readonly port: number } | null;
}

/** Whom a server lets in. */
export interface AdmissionOptions {
  /** Origins of browser pages that may connect beside those that this host serves itself: `https://lab.example`. */
  readonly allowedOrigins?: readonly string[];
  /** Names under which clients may address this server, without port. */
  readonly allowedHosts?: readonly string[];
}

/** How many connections a server keeps open at once. Whoever comes beyond is refused with status 503 (`transport.full`). */
export interface ConnectionLimits {
  /**
   * TCP connections in all, whatever they say. Default 16,384. Less where the process may not open as many files: 64 and 8 for
   * each core, at most half, are kept for its own.
   */
  readonly connectionsMax?: number;
  /** The same of one address. Default: half of all, or all where there are proxies in front (`behindProxy`). */
  readonly connectionsPerAddressMax?: number;
}

export interface WebSocketListenOptions extends SocketOptions, AdmissionOptions, ConnectionLimits {
  /** Default `127.0.0.1`. */
  readonly host?: string;
  /** Default 0: a free one. */
  readonly port?: number;
  /**
   * Attach to a server of yours instead, which may listen already or later; `host` and `port` then have no meaning, and its TCP
   * connections are yours to limit: only WebSockets are counted.
   */
  readonly server?: AttachableServer;
  /** Encrypt: the address begins with `wss:`. Not for a `server` of yours, which has its own. */
  readonly tls?: ServerTls | TlsSource;
  /**
   * Addresses and nets (`10.0.0.0/8`) of proxies in front: a connection that comes from one of them is that of whom its
   * `X-Forwarded-For` names. From elsewhere nobody believes that header. Default none.
   */
  readonly behindProxy?: readonly string[];
  /** Where on the server; default `/`. */
  readonly path?: string;
}
