import type { Connection, ConnectionHandlers } from 'fedloom';
import type { Exchange } from './exchange.js';

/** `send` asks to wait while so many bytes have not left. */
const BUFFERED_BYTES_MAX = 8 << 20;
/**
 * MPI takes small messages at once, however many wait at the other end. After so many bytes of such, one leaves only when
 * the other end begins to receive it, and counts for all of them.
 */
const UNASKED_BYTES_MAX = 256 << 10;

/** What a connection needs of who made it. */
export interface ConnectionHome {
  readonly exchange: Exchange;
  /** Where the other end is. */
  readonly rank: number;
  readonly peer: string;
  /** The number of the connection there: the tag of the frames to it. */
  readonly theirs: number;
  /** Tells the other end that no frame comes any more. */
  sendClose(reason: string): void;
  /** Both ends have closed. */
  forget(): void;
}

/** One end of a connection between two ranks, or of a rank with itself. */
export class MpiConnection implements Connection {
  /** The launcher ends all when one rank is gone: silence means nothing. */
  patient = false;
  readonly #home: ConnectionHome;
  #handlers: ConnectionHandlers | undefined;
  /** What came before `bind`, or before what came then was delivered. */
  #early: Uint8Array[] = [];
  #bufferedBytes = 0;
  #unaskedBytes = 0;
  #owesDrained = false;
  #closeSent = false;
  #closeCame = false;
  #reason: string | undefined;
  #ended = false;
  #told = false;

  constructor(home: ConnectionHome) {
    this.#home = home;
  }

  get peer(): string {
    return this.#home.peer;
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  bind(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
    setImmediate(() => this.#deliverEarly(handlers));
  }

  send(frame: Uint8Array): boolean {
    if (this.#closeSent) return true;
    const { exchange, rank, theirs } = this.#home;
    this.#unaskedBytes += frame.length;
    const synchronous = this.#unaskedBytes > UNASKED_BYTES_MAX;
    const weight = synchronous ? this.#unaskedBytes : frame.length;
    if (synchronous) this.#unaskedBytes = 0;
    const left = exchange.send(rank, theirs, frame, synchronous, () => this.#left(weight));
    if (!left) this.#bufferedBytes += weight;
    if (this.#bufferedBytes < BUFFERED_BYTES_MAX) return true;
    this.#owesDrained = true;
    return false;
  }

  close(reason = 'closed'): void {
    if (this.#closeSent) return;
    this.#reason ??= reason.slice(0, 120);
    this.#early = [];
    this.#close();
    if (this.#closeCame) setImmediate(() => this.#end());
  }

  /** A frame of the other end came. */
  take(frame: Uint8Array): void {
    if (this.#closeSent) return;
    if (this.#handlers === undefined || this.#early.length > 0) this.#early.push(frame);
    else this.#handlers.frame(frame);
  }

  /** The other end has closed: no frame comes any more. */
  closed(reason: string): void {
    this.#closeCame = true;
    this.#reason ??= reason;
    if (this.#closeSent || (this.#handlers !== undefined && this.#early.length === 0)) this.#end();
  }

  #deliverEarly(handlers: ConnectionHandlers): void {
    const early = this.#early;
    this.#early = [];
    for (const frame of early) if (!this.#closeSent) handlers.frame(frame);
    if (this.#closeCame) this.#end();
  }

  #left(bytes: number): void {
    this.#bufferedBytes -= bytes;
    if (!this.#owesDrained || this.#bufferedBytes >= BUFFERED_BYTES_MAX / 2) return;
    this.#owesDrained = false;
    if (!this.#closeSent && !this.#ended) this.#handlers?.drained();
  }

  #close(): void {
    this.#closeSent = true;
    this.#home.sendClose(this.#reason ?? 'closed');
  }

  #end(): void {
    if (!this.#ended) {
      this.#ended = true;
      if (!this.#closeSent) this.#close();
      this.#home.forget();
    }
    const handlers = this.#handlers;
    if (handlers === undefined || this.#told) return;
    this.#told = true;
    handlers.closed(this.#reason ?? 'closed');
  }
}
