import { FedloomError } from '@fedloom/engine';
import { ENCRYPTED } from '../../protocol/proof.js';
import type { Connection, ConnectionHandlers, Dial } from '../../protocol/transport.js';
import { describeClose, fitReason } from './close-reason.js';

/** What is used of the browser's `WebSocket`. */
export interface BrowserWebSocket {
  binaryType: string;
  readonly bufferedAmount: number;
  onopen: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null;
  send(data: Uint8Array): void;
  close(code?: number, reason?: string): void;
}

const bufferedBytesMax = 8 << 20;
/** A browser does not tell when bytes have left; it must be asked. */
const pollMs = 5;

/** Dials from a web page over the browser's own `WebSocket`. */
export const dialWebSocketBrowser: Dial = browserDial();

/** With another class of the same interface than the platform's. */
export function browserDial(webSocketClass?: new (url: string) => BrowserWebSocket): Dial {
  return (url, { signal } = {}) =>
    new Promise<Connection>((resolve, reject) => {
      if (signal?.aborted) return reject(connectError(url, 'cancelled', signal.reason));
      const webSocket = open(url, webSocketClass);
      webSocket.binaryType = 'arraybuffer';

      function fail(error: FedloomError): void {
        signal?.removeEventListener('abort', abort);
        webSocket.onopen = null;
        webSocket.onclose = null;
        webSocket.close();
        reject(error);
      }
      function abort(): void {
        fail(connectError(url, 'cancelled', signal?.reason));
      }

      signal?.addEventListener('abort', abort);
      webSocket.onerror = () => {};
      // The browser keeps the cause to itself: a page must not learn what listens where.
      webSocket.onclose = () => fail(connectError(url, 'network', undefined));
      webSocket.onopen = () => {
        signal?.removeEventListener('abort', abort);
        resolve(new BrowserConnection(webSocket, url));
      };
    });
}

function open(url: string, given: (new (url: string) => BrowserWebSocket) | undefined): BrowserWebSocket {
  const platform = globalThis as { readonly WebSocket?: new (url: string) => BrowserWebSocket };
  const WebSocketClass = given ?? platform.WebSocket;
  if (WebSocketClass === undefined) {
    throw new FedloomError('transport.unsupported', 'This platform has no WebSocket.', { url });
  }
  try {
    return new WebSocketClass(url);
  } catch (cause) {
    throw connectError(url, 'url', cause);
  }
}

function connectError(url: string, reason: 'cancelled' | 'network' | 'url', cause: unknown): FedloomError {
  const why = {
    cancelled: `Connecting to ${url} was cancelled.`,
    network: `No connection to ${url}: no server is there yet, or it does not accept this page's origin.`,
    url: `'${url}' is not an address of a server; it reads like ws://HOST:PORT.`,
  };
  return new FedloomError('transport.connect', why[reason], { url, reason }, { cause });
}

class BrowserConnection implements Connection {
  readonly peer: string;
  /** A browser checks the server's certificate, and tells a page nothing of it. */
  readonly binding?: string;
  /** A browser knows no limit of silence of its own. */
  patient = false;
  readonly #webSocket: BrowserWebSocket;
  #handlers: ConnectionHandlers | undefined;
  #early: Uint8Array[] = [];
  #polling = false;
  #reason: string | undefined;
  #closing = false;
  #closed = false;

  constructor(webSocket: BrowserWebSocket, peer: string) {
    this.peer = peer;
    if (/^wss:/i.test(peer)) this.binding = ENCRYPTED;
    this.#webSocket = webSocket;
    webSocket.onmessage = ({ data }) => this.#receive(data);
    webSocket.onclose = ({ code, reason }) => {
      this.#reason ??= describeClose(code, reason);
      this.#closed = true;
      // Before `bind` has delivered what came early, it reports the end itself.
      if (this.#early.length === 0) this.#handlers?.closed(this.#reason);
    };
  }

  get bufferedBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  bind(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
    if (this.#early.length > 0 || this.#closed) setTimeout(() => this.#deliverEarly(handlers), 0);
  }

  send(frame: Uint8Array): boolean {
    if (this.#closing || this.#closed) return true;
    this.#webSocket.send(frame);
    if (this.#webSocket.bufferedAmount < bufferedBytesMax) return true;
    this.#poll();
    return false;
  }

  close(reason = 'closed'): void {
    this.#close(1000, reason);
  }

  /** Pages may only use code 1000 and those from 3000 on. */
  #close(code: number, reason: string): void {
    if (this.#closing || this.#closed) return;
    this.#closing = true;
    this.#reason ??= reason;
    this.#webSocket.close(code, fitReason(reason));
  }

  #receive(data: unknown): void {
    if (this.#closing) return;
    if (!(data instanceof ArrayBuffer)) return this.#close(3003, 'transport.text-frame: only binary frames are read');
    const frame = new Uint8Array(data);
    if (this.#handlers === undefined || this.#early.length > 0) this.#early.push(frame);
    else this.#handlers.frame(frame);
  }

  #deliverEarly(handlers: ConnectionHandlers): void {
    const early = this.#early;
    this.#early = [];
    for (const frame of early) if (!this.#closing) handlers.frame(frame);
    if (this.#closed) handlers.closed(this.#reason ?? 'closed');
  }

  #poll(): void {
    if (this.#polling) return;
    this.#polling = true;
    setTimeout(() => {
      this.#polling = false;
      if (this.#closing || this.#closed) return;
      if (this.#webSocket.bufferedAmount < bufferedBytesMax / 2) this.#handlers?.drained();
      else this.#poll();
    }, pollMs);
  }
}
