import type { Connection, ConnectionHandlers } from 'fedloom';
import { FrameReader } from './frame-reader.js';
import { FrameWriter } from './frame-writer.js';
import { dataPacket, encodePacket, HEADER_BYTES, type Packet } from './packets.js';
import type { Outgoing, PacketSource, Publisher } from './publisher.js';
import { Silence, type SilenceOptions } from './silence.js';

export interface LineOptions extends SilenceOptions {
  /** `send` returns false from so many bytes on that have not left; default 8 MiB. */
  readonly bufferedBytesMax?: number;
}

export interface LineParts {
  readonly peer: string;
  readonly binding?: string;
  readonly certified?: string;
  readonly publisher: Publisher;
  /** Where this end publishes. */
  readonly topic: string;
  /** Bytes of a packet's payload. */
  readonly payloadBytesMax: number;
  /** Data packets that the other end takes at first. */
  readonly creditAtFirst: number;
  /** Data packets that this end took on at first, and how many it takes ahead from now on. */
  readonly granted: number;
  readonly creditNow: () => number;
  /** The line is over, and everything that it had to say is with the broker. */
  readonly ended: () => void;
  readonly share?: (name: string, body: Uint8Array, ready: () => void) => () => void;
  readonly fetch?: Connection['fetch'];
}

const CLOSE_TIMEOUT_MS = 10_000;
const REASON_LENGTH_MAX = 120;
/** How much of a credit may be used up before more is given. */
const CREDIT_SHARE = 1 / 2;

/** One end of a connection through a broker. Data packets are numbered: one twice is dropped, one missing ends the line. */
export class Line implements Connection, PacketSource {
  readonly peer: string;
  readonly binding?: string;
  readonly certified?: string;
  readonly share?: NonNullable<Connection['share']>;
  readonly fetch?: NonNullable<Connection['fetch']>;
  patient = false;
  readonly #parts: LineParts;
  readonly #bufferedBytesMax: number;
  readonly #silence: Silence;
  readonly #writer = new FrameWriter();
  readonly #reader = new FrameReader();
  #handlers: ConnectionHandlers | undefined;
  /** Frames that came before somebody was bound. */
  #early: Uint8Array[] = [];
  /** Data packets, modulo 2^32, as all numbers of packets here. */
  #sent = 0;
  #creditUntil: number;
  #received = 0;
  #grantedUntil: number;
  #inFlightBytes = 0;
  #owesDrained = false;
  /** Shared bodies that the broker does not have yet: what is said after them waits. */
  #sharing = 0;
  #closing = false;
  #closeSent = false;
  #ended = false;
  #reason: string | undefined;
  #deadline: NodeJS.Timeout | undefined;

  constructor(parts: LineParts, options: LineOptions) {
    this.#parts = parts;
    this.peer = parts.peer;
    if (parts.binding !== undefined) this.binding = parts.binding;
    if (parts.certified !== undefined) this.certified = parts.certified;
    this.#bufferedBytesMax = options.bufferedBytesMax ?? 8 << 20;
    this.#creditUntil = parts.creditAtFirst;
    this.#grantedUntil = parts.granted;
    const isPatient = () => this.patient || this.#handlers === undefined;
    this.#silence = new Silence(
      {
        get patient() {
          return isPatient();
        },
        ping: () => this.#urgent({ kind: 'ping', sent: this.#sent }),
        dead: (ms) => this.break(`transport.dead-peer: nothing came from ${this.peer} for ${ms} ms`),
      },
      options,
    );
    const { share, fetch } = parts;
    if (share !== undefined) this.share = (name, body) => this.#share(share, name, body);
    if (fetch !== undefined) this.fetch = fetch;
  }

  get bufferedBytes(): number {
    return this.#writer.bytes + this.#inFlightBytes;
  }

  bind(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
    if (this.#early.length === 0 && !this.#ended) return;
    setImmediate(() => {
      for (const frame of this.#early.splice(0)) this.#deliver(frame);
      this.#grant();
      if (this.#ended) handlers.closed(this.#reason ?? 'closed');
    });
  }

  send(frame: Uint8Array): boolean {
    if (this.#closing || this.#ended) return true;
    this.#writer.push(frame);
    this.#parts.publisher.ready(this);
    if (this.bufferedBytes < this.#bufferedBytesMax) return true;
    this.#owesDrained = true;
    return false;
  }

  close(reason = 'closed'): void {
    if (this.#closing || this.#ended) return;
    this.#closing = true;
    this.#reason = reason.slice(0, REASON_LENGTH_MAX);
    this.#early = [];
    this.#deadline = setTimeout(() => this.#end(), CLOSE_TIMEOUT_MS);
    this.#parts.publisher.ready(this);
  }

  /** The line is lost, or the other end does what it must not: it is over without good-bye. */
  break(reason: string): void {
    this.#reason ??= reason;
    this.#end();
  }

  /** As `break`, where the other end can still be told. */
  #refuse(reason: string): void {
    this.#urgent({ kind: 'close', sent: this.#sent, reason });
    this.break(reason);
  }

  /** A packet for this end. */
  receive(packet: Packet): void {
    if (this.#ended) return;
    this.#silence.heard();
    switch (packet.kind) {
      case 'data':
        return this.#data(packet.number, packet.bytes);
      case 'credit':
        if (((packet.until - this.#creditUntil) | 0) > 0) this.#creditUntil = packet.until;
        return this.#parts.publisher.ready(this);
      case 'ping':
        this.#checkArrived(packet.sent);
        return;
      case 'close':
        if (!this.#checkArrived(packet.sent)) return;
        this.#reason ??= packet.reason.slice(0, REASON_LENGTH_MAX);
        return this.#end();
      case 'lost':
        return this.break('transport.lost: the other end is gone from the broker');
      default:
        // A line is opened once; the broker may say it twice.
        return;
    }
  }

  /** Asked by the publisher, in this line's turn. */
  next(): Outgoing | undefined {
    if (this.#ended || this.#sharing > 0) return undefined;
    const { topic, payloadBytesMax } = this.#parts;
    if (!this.#writer.empty) {
      if (((this.#creditUntil - this.#sent) | 0) <= 0) return undefined;
      const { memory } = this.#parts.publisher;
      const payload = memory.take(HEADER_BYTES + this.#writer.readyBytes(payloadBytesMax - HEADER_BYTES));
      const bytes = this.#writer.fill(dataPacket(payload, this.#sent), this.#spent);
      this.#sent = (this.#sent + 1) >>> 0;
      this.#inFlightBytes += bytes;
      const done = (): void => {
        memory.giveBack(payload);
        this.#left(bytes);
      };
      return { topic, payload, done };
    }
    if (!this.#closing || this.#closeSent) return undefined;
    this.#closeSent = true;
    const payload = encodePacket({ kind: 'close', sent: this.#sent, reason: this.#reason ?? 'closed' });
    return { topic, payload, done: () => this.#end() };
  }

  #data(number: number, bytes: Uint8Array): void {
    const ahead = (number - this.#received) | 0;
    // The broker may say it twice.
    if (ahead < 0) return;
    if (ahead > 0) return this.#refuse(packetLost(this.#received, number));
    if (((number - this.#grantedUntil) | 0) >= 0) {
      return this.#refuse('transport.credit: more packets came than were asked for');
    }
    this.#received = (this.#received + 1) >>> 0;
    // After its own close an end reads no more, but lets the other go on, so that what it sent itself can leave.
    const readable = this.#closing || this.#reader.read(bytes, (frame) => this.#deliver(frame), this.#memory);
    if (!readable) return this.#refuse('transport.frame-size: a frame is larger than this end reads');
    if (!this.#ended) this.#grant();
  }

  readonly #memory = (bytes: number): Uint8Array => this.#handlers?.memory?.(bytes) ?? new Uint8Array(bytes);
  readonly #spent = (frame: Uint8Array): void => this.#handlers?.spent?.(frame);

  #deliver(frame: Uint8Array): void {
    if (this.#closing) return;
    if (this.#handlers === undefined) this.#early.push(frame);
    else this.#handlers.frame(frame);
  }

  #grant(): void {
    if (this.#handlers === undefined || this.#ended) return;
    const credit = this.#parts.creditNow();
    if (((this.#grantedUntil - this.#received) | 0) > credit * CREDIT_SHARE) return;
    this.#grantedUntil = (this.#received + credit) >>> 0;
    this.#urgent({ kind: 'credit', until: this.#grantedUntil });
  }

  /** @returns false when some of what was sent did not come */
  #checkArrived(sent: number): boolean {
    if (((sent - this.#received) | 0) <= 0) return true;
    this.#refuse(packetLost(this.#received, sent));
    return false;
  }

  #share(share: NonNullable<LineParts['share']>, name: string, body: Uint8Array): () => void {
    this.#sharing += 1;
    return share(name, body, () => {
      this.#sharing -= 1;
      this.#parts.publisher.ready(this);
    });
  }

  #urgent(packet: Exclude<Packet, { readonly kind: 'data' }>): void {
    this.#parts.publisher.urgent({ topic: this.#parts.topic, payload: encodePacket(packet) });
  }

  #left(bytes: number): void {
    this.#inFlightBytes -= bytes;
    if (!this.#owesDrained || this.bufferedBytes >= this.#bufferedBytesMax / 2) return;
    this.#owesDrained = false;
    if (!this.#closing && !this.#ended) this.#handlers?.drained();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#deadline);
    this.#silence.stop();
    this.#writer.clear();
    this.#parts.ended();
    // Those that came early and were not delivered go before.
    if (this.#early.length === 0) this.#handlers?.closed(this.#reason ?? 'closed');
  }
}

function packetLost(expected: number, came: number): string {
  return `transport.packet-lost: packet ${expected} did not come, ${came} did: the broker drops packets of this size or number`;
}
