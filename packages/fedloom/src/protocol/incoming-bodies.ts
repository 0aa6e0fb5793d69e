import { FedloomError } from '@fedloom/engine';
import type { BudgetLane } from './byte-budget.js';
import type { AnyMessage, BodyInfo } from './codec.js';
import { wireLimits } from './limits.js';
import type { Connection } from './transport.js';

interface IncomingBody {
  readonly message: AnyMessage;
  readonly totalBytes: number;
  granted: boolean;
  receivedBytes: number;
  /** Taken at the first chunk: a grant alone costs no memory. */
  buffer?: Uint8Array;
  /** Of a shared one that is being fetched. */
  stopFetching?: (() => void) | undefined;
}

export interface IncomingBodiesHost {
  readonly lane: BudgetLane;
  /** Largest body to accept, bytes; it may change. */
  readonly bodyBytesMax: () => number;
  /** What to do about a body that is larger. */
  readonly bodySizeAdvice: string;
  sendGrant(stream: number, bytes: number): void;
  /** Whether the body of a message is wanted; what is not is declined before it takes room. */
  wants(message: AnyMessage): boolean;
  sendDecline(stream: number): void;
  /** Fetches a shared body, as a connection does, where there are such. */
  readonly fetch: Connection['fetch'];
  /** The body is whole; its bytes stay counted until the owner releases them. */
  deliver(message: AnyMessage, body: Uint8Array): void;
}

/** Bodies on their way in on one connection: announced, granted from the budget, filled chunk by chunk, handed over. */
export class IncomingBodies {
  readonly #host: IncomingBodiesHost;
  readonly #bodies = new Map<number, IncomingBody>();
  #lastStream = 0;
  #filling = 0;
  #receivedBytes = 0;
  #whole = 0;

  constructor(host: IncomingBodiesHost) {
    this.#host = host;
  }

  /** Granted bodies that are not whole. */
  get filling(): number {
    return this.#filling;
  }

  /** What came so far of bodies: bytes, and how many are whole. */
  get progress(): { readonly bytes: number; readonly whole: number } {
    return { bytes: this.#receivedBytes, whole: this.#whole };
  }

  /** @throws FedloomError `protocol.stream`, `protocol.streams`, `protocol.body-size`. */
  announce(message: AnyMessage, { stream, bytes, shared }: BodyInfo): void {
    const bodyBytesMax = this.#host.bodyBytesMax();
    const { fetch } = this.#host;
    if (shared !== undefined && fetch === undefined) throw notShared(message.type);
    if (stream <= this.#lastStream) {
      throw streamError(`stream ${stream} comes after stream ${this.#lastStream}; numbers must rise`, stream);
    }
    if (this.#bodies.size >= wireLimits.streamsMax) {
      throw new FedloomError(
        'protocol.streams',
        `More than ${wireLimits.streamsMax} bodies are announced and not finished.`,
        { streamsMax: wireLimits.streamsMax },
      );
    }
    if (bytes > bodyBytesMax) {
      throw new FedloomError(
        'protocol.body-size',
        `The body of message '${message.type}' has ${bytes} bytes; at most ${bodyBytesMax} are accepted here. ${this.#host.bodySizeAdvice}`,
        { type: message.type, bytes, bodyBytesMax },
      );
    }
    this.#lastStream = stream;
    if (!this.#host.wants(message)) return this.#host.sendDecline(stream);
    const body: IncomingBody = { message, totalBytes: bytes, granted: false, receivedBytes: 0 };
    this.#bodies.set(stream, body);
    this.#host.lane.request(bytes, () => {
      body.granted = true;
      this.#filling++;
      if (shared === undefined) this.#host.sendGrant(stream, bytes);
      else body.stopFetching = fetch?.(shared, bytes, (piece) => this.#take(stream, body, piece));
    });
  }

  /** A piece of a shared body; with the last, the grant tells the other end that it is here. */
  #take(stream: number, body: IncomingBody, piece: Uint8Array): void {
    if (body.receivedBytes + piece.length > body.totalBytes) {
      throw new FedloomError('protocol.overrun', `A shared body has more than its ${body.totalBytes} bytes.`, {
        stream,
        bytes: piece.length,
      });
    }
    this.#receivedBytes += piece.length;
    fill(body, piece);
    if (body.receivedBytes < body.totalBytes || body.buffer === undefined) return;
    this.#bodies.delete(stream);
    this.#filling--;
    this.#whole++;
    this.#host.sendGrant(stream, body.totalBytes);
    this.#host.deliver(body.message, body.buffer);
  }

  /** @throws FedloomError `protocol.stream`, `protocol.offset`, `protocol.overrun`. */
  chunk(stream: number, offset: number, payload: Uint8Array): void {
    const body = this.#bodies.get(stream);
    if (body === undefined) throw streamError(`a chunk belongs to stream ${stream}, which is not open`, stream);
    if (offset !== body.receivedBytes) {
      throw new FedloomError(
        'protocol.offset',
        `A chunk of stream ${stream} starts at byte ${offset}; byte ${body.receivedBytes} is next.`,
        { stream, offset, expected: body.receivedBytes },
      );
    }
    if (!body.granted || body.stopFetching !== undefined || offset + payload.length > body.totalBytes) {
      throw new FedloomError(
        'protocol.overrun',
        `A chunk of stream ${stream} brings ${payload.length} bytes at ${offset}; ${body.granted ? body.totalBytes : 0} bytes were granted.`,
        { stream, offset, bytes: payload.length, grantedBytes: body.granted ? body.totalBytes : 0 },
      );
    }
    this.#receivedBytes += payload.length;
    fill(body, payload);
    if (body.receivedBytes < body.totalBytes || body.buffer === undefined) return;
    this.#bodies.delete(stream);
    this.#filling--;
    this.#whole++;
    this.#host.deliver(body.message, body.buffer);
  }

  /** Gives the bytes of unfinished bodies back to the budget. */
  close(): void {
    this.#host.lane.close();
    let grantedBytes = 0;
    for (const body of this.#bodies.values()) {
      if (body.granted) grantedBytes += body.totalBytes;
      body.stopFetching?.();
    }
    this.#bodies.clear();
    this.#filling = 0;
    this.#host.lane.release(grantedBytes);
  }
}

function fill(body: IncomingBody, payload: Uint8Array): void {
  if (payload.length === body.totalBytes) {
    body.buffer = aligned(payload);
  } else {
    body.buffer ??= new Uint8Array(body.totalBytes);
    body.buffer.set(payload, body.receivedBytes);
  }
  body.receivedBytes += payload.length;
}

/** Float views need their offset to be a multiple of 8: the same bytes where it is, else a copy. */
export function aligned(bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes);
}

function notShared(type: string): FedloomError {
  return new FedloomError(
    'protocol.body',
    `The body of message '${type}' is shared, on a connection that shares none.`,
    {
      type,
    },
  );
}

function streamError(what: string, stream: number): FedloomError {
  return new FedloomError('protocol.stream', `The other end broke the order of streams: ${what}.`, { stream });
}
