import type { ServerOptions } from 'node:http';
import type { Server, Socket } from 'node:net';
import { connectionsInReach } from '../../core/node/descriptor-limit.js';
import type { WebSocketListenOptions } from './options.js';

const CONNECTIONS_MAX = 16_384;
/** Beyond its limits a server has room for so many that it tells so; whoever comes then is cut without a word. */
const REFUSED_MAX = 16;

/** What a request may take before it has become a WebSocket, or gone. */
export const requestLimits: ServerOptions = {
  headersTimeout: 10_000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 1_000,
  keepAliveTimeout: 5_000,
  maxHeaderSize: 16 << 10,
};

/**
 * The TCP connections of an HTTP server, whatever they say or do not say: how many there may be, in all and from one address. Less
 * than what was asked for where the process may not open as many files, since it needs some for its own.
 */
export class ConnectionGuard {
  readonly #max: number;
  readonly #perAddressMax: number;
  readonly #byAddress = new Map<string, number>();
  /** By address and port: what is encrypted shows another socket later. */
  readonly #refused = new Map<string, string>();
  #open = 0;

  constructor({
    connectionsMax = CONNECTIONS_MAX,
    connectionsPerAddressMax,
    behindProxy = [],
  }: Pick<WebSocketListenOptions, 'connectionsMax' | 'connectionsPerAddressMax' | 'behindProxy'>) {
    this.#max = Math.min(connectionsMax, (connectionsInReach() ?? Number.POSITIVE_INFINITY) - REFUSED_MAX);
    // Nobody fills a server alone; but a proxy stands for many.
    this.#perAddressMax = connectionsPerAddressMax ?? (behindProxy.length > 0 ? this.#max : Math.ceil(this.#max / 2));
  }

  /** Before it listens. */
  watch(server: Server): void {
    server.maxConnections = this.#max + REFUSED_MAX;
    server.on('connection', (socket: Socket) => this.#came(socket));
  }

  /**
   * Why this connection must not become a WebSocket; undefined: it may.
   * @param webSockets that are open
   */
  refusal(socket: Socket, webSockets: number): string | undefined {
    return webSockets >= this.#max ? this.#full : this.#refused.get(nameOf(socket));
  }

  get #full(): string {
    return `${this.#max} connections are open, and there is room for no more`;
  }

  #came(socket: Socket): void {
    const address = socket.remoteAddress ?? '';
    const open = (this.#byAddress.get(address) ?? 0) + 1;
    this.#byAddress.set(address, open);
    this.#open += 1;
    const name = nameOf(socket);
    socket.once('close', () => this.#went(address, name));
    if (open > this.#perAddressMax + REFUSED_MAX) return void socket.destroy();
    const refused = this.#excess(address, open);
    if (refused !== undefined) this.#refused.set(name, refused);
  }

  #excess(address: string, open: number): string | undefined {
    if (this.#open > this.#max) return this.#full;
    if (open <= this.#perAddressMax) return undefined;
    return `${this.#perAddressMax} connections from ${address} are open, and no more are taken from one address`;
  }

  #went(address: string, name: string): void {
    this.#open -= 1;
    this.#refused.delete(name);
    const left = (this.#byAddress.get(address) ?? 1) - 1;
    if (left === 0) this.#byAddress.delete(address);
    else this.#byAddress.set(address, left);
  }
}

function nameOf({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return `${remoteAddress} ${remotePort}`;
}
