import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { freeBytes } from '../../core/byte-memory.js';
import { wireLimits } from '../../protocol/limits.js';
import type { Connection, ConnectionHandlers } from '../../protocol/transport.js';
import { describeClose, fitReason } from './close-reason.js';
import type { SocketOptions } from './options.js';

/**
 * When the kernel asks the other machine's whether it is still there, after so long without a byte. Node then has it ask ten
 * times, every second: who vanished is noticed after 25 s, also by a patient end.
 */
const keepAliveMs = 15_000;

/** Who takes so little that this waits for it is owed no pong: it does not need one to know that this end is there. */
const PONG_BYTES_MAX = 64 << 10;

/** What both ends of the `ws` package are told. Deflate costs 30 times what it saves on parameters. */
export const webSocketOptions = {
  perMessageDeflate: false,
  maxPayload: wireLimits.frameBytesMax,
  /** Pings are answered here, as long as the answers are taken. */
  autoPong: false,
  /** How long a close waits for the other end, ms. */
  closeTimeout: 10_000,
};

/** Whom a connection leads to, as far as it is known. */
export type OtherEnd = Partial<Pick<Connection, 'peer' | 'binding' | 'certified'>>;

/** A connection over an open WebSocket of the `ws` package. */
export class SocketConnection implements Connection {
  readonly peer: string;
  readonly binding?: string;
  readonly certified?: string;
  patient = false;
  readonly #webSocket: WebSocket;
  readonly #socket: Socket;
  readonly #bufferedBytesMax: number;
  #handlers: ConnectionHandlers | undefined;
  #bufferedBytes = 0;
  #owesDrained = false;
  /** Why this end gave up; goes before what the close frame says. */
  #reason: string | undefined;
  #closing = false;
  #closed = false;
  #resting: ReturnType<typeof setTimeout> | undefined;

  /** @param end what the socket does not tell of who is at the other end */
  constructor(webSocket: WebSocket, socket: Socket, options: SocketOptions, end: OtherEnd = {}) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.#bufferedBytesMax = options.bufferedBytesMax ?? 8 << 20;
    this.peer = end.peer ?? peerOf(socket);
    if (end.binding !== undefined) this.binding = end.binding;
    if (end.certified !== undefined) this.certified = end.certified;
    socket.setKeepAlive(true, keepAliveMs);
    const stopPings = this.#watch(options.pingEveryMs ?? 15_000, options.deadAfterMs ?? 120_000);
    webSocket.on('message', (data: Buffer, isBinary) => this.#receive(data, isBinary));
    webSocket.on('ping', (data: Buffer) => {
      if (socket.writableLength < PONG_BYTES_MAX) webSocket.pong(data);
    });
    webSocket.on('error', (error) => {
      this.#reason ??= describeError(error);
    });
    webSocket.on('close', (code, reason) => {
      stopPings();
      clearTimeout(this.#resting);
      this.#reason ??= describeClose(code, reason.toString());
      this.#closed = true;
      this.#handlers?.closed(this.#reason);
    });
    // Nothing is read before someone listens.
    webSocket.pause();
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  bind(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
    if (this.#closed) setImmediate(() => handlers.closed(this.#reason ?? 'closed'));
    else this.#webSocket.resume();
  }

  send(frame: Uint8Array): boolean {
    if (this.#closing || this.#closed) return true;
    this.#bufferedBytes += frame.length;
    const { length } = frame;
    this.#webSocket.send(frame, () => {
      this.#left(length);
      freeBytes(frame);
    });
    if (this.#bufferedBytes < this.#bufferedBytesMax) return true;
    this.#owesDrained = true;
    return false;
  }

  rest(restMs: number): void {
    if (this.#closing || this.#closed) return;
    this.#webSocket.pause();
    clearTimeout(this.#resting);
    this.#resting = setTimeout(() => this.#webSocket.resume(), restMs);
    this.#resting.unref();
  }

  close(reason = 'closed'): void {
    this.#close(1000, reason);
  }

  abort(reason: string): void {
    if (this.#closed) return;
    this.#closing = true;
    this.#reason ??= reason;
    this.#webSocket.terminate();
  }

  #close(code: number, reason: string): void {
    if (this.#closing || this.#closed) return;
    this.#closing = true;
    this.#reason ??= reason;
    // The other end's close frame must be read, bound or not, resting or not.
    clearTimeout(this.#resting);
    this.#webSocket.resume();
    this.#webSocket.close(code, fitReason(reason));
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#closing) return;
    if (!isBinary) return this.#close(1003, 'transport.text-frame: only binary frames are read');
    // A plain array: `slice` of a Buffer would not copy.
    this.#handlers?.frame(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }

  #left(bytes: number): void {
    this.#bufferedBytes -= bytes;
    if (!this.#owesDrained || this.#bufferedBytes >= this.#bufferedBytesMax / 2) return;
    this.#owesDrained = false;
    if (!this.#closing && !this.#closed) this.#handlers?.drained();
  }

  /** Counts silent intervals, not time: after this process was busy, what the other end sent must be read first. */
  #watch(pingEveryMs: number, deadAfterMs: number): () => void {
    const silentMax = Math.max(2, Math.ceil(deadAfterMs / pingEveryMs));
    let silent = 0;
    let bytesRead = this.#socket.bytesRead;
    const timer = setInterval(() => {
      const heard = this.#socket.bytesRead !== bytesRead;
      bytesRead = this.#socket.bytesRead;
      silent = heard || this.patient || this.#handlers === undefined ? 0 : silent + 1;
      if (silent >= silentMax) {
        this.#reason ??= `transport.dead-peer: nothing came from ${this.peer} for ${silentMax * pingEveryMs} ms`;
        this.#webSocket.terminate();
      } else if (this.#webSocket.readyState === this.#webSocket.OPEN && (heard || !this.patient)) {
        // A patient end pings no one who is silent: the kernel's keep-alive rests while bytes are not acknowledged, and
        // gives up on them only after a quarter of an hour.
        this.#webSocket.ping();
      }
    }, pingEveryMs);
    timer.unref();
    return () => clearInterval(timer);
  }
}

function peerOf({ remoteFamily, remoteAddress, remotePort }: Socket): string {
  return remoteFamily === 'IPv6' ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}

function describeError(error: Error & { readonly code?: string }): string {
  if (error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH')
    return 'transport.frame-size: a frame is larger than this end reads';
  if (error.code?.startsWith('WS_ERR_')) return `transport.websocket: ${error.message}`;
  return `transport.lost: ${error.message}`;
}
