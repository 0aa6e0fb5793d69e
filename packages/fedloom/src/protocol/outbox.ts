import { FedloomError } from '@fedloom/engine';
import { freeBytes } from '../core/byte-memory.js';
import { type AnyMessage, type BodyInfo, encodeChunk, encodeControl, encodeInline, wrapInChunk } from './codec.js';
import type { MessageRegistry } from './define-message.js';
import { wireLimits } from './limits.js';
import type { Connection } from './transport.js';

export interface SendOptions {
  /**
   * Called once all of it is with the transport, or never will be: whoever makes bodies faster than the other end takes them
   * waits for it.
   */
  readonly onSent?: () => void;
  /**
   * The body's memory is given away, all of its buffer: it is sent without a copy where `wireLimits.chunkHeaderBytes` bytes
   * are free before it, and freed. Else it must only not change until it is sent.
   */
  readonly giveAway?: boolean;
  /** Hash of a body that other connections are sent too: it travels once, where the transport can do so. */
  readonly shared?: string;
}

interface OutgoingBody {
  readonly message: AnyMessage;
  readonly bytes: Uint8Array;
  /** 0 until it is announced. */
  stream: number;
  creditBytes: number;
  sentBytes: number;
  readonly giveAway: boolean;
  readonly shared: string | undefined;
  declined: boolean;
  /** Of a shared one that was announced: the other end needs it no more. */
  giveBack?: () => void;
}

type Outgoing = ({ readonly frame: Uint8Array } | { readonly body: OutgoingBody }) & { readonly onSent?: () => void };

export interface OutboxHost {
  /** Hands a frame to the transport; false asks to wait for `drained`. */
  write(frame: Uint8Array): boolean;
  /** The same of a piece of a large body. */
  writeChunk(frame: Uint8Array): boolean;
  /** Whether such a piece may be sent now; if not, `drained` is called when it may. */
  hasRoom(): boolean;
  /** What the other end may be sent. */
  readonly registry: MessageRegistry;
  readonly share: Connection['share'] | undefined;
}

/**
 * Messages on their way out of one connection. They arrive in the order in which they were pushed: a message follows when
 * the body before it is sent to the end. Bodies further back are announced ahead, so that their grants are there in time.
 */
export class Outbox {
  readonly #host: OutboxHost;
  /** What the other end may be sent. */
  registry: MessageRegistry;
  /** Sent places are emptied at once, so that nothing holds a sent body, and cut off later. */
  #queue: (Outgoing | undefined)[] = [];
  #head = 0;
  /** Items before it need no announcement any more. */
  #announceAt = 0;
  readonly #open = new Map<number, OutgoingBody>();
  #lastStream = 0;
  #frameBytes = 0;
  #blocked = false;
  #pumping = false;

  constructor(host: OutboxHost) {
    this.#host = host;
    this.registry = host.registry;
  }

  /** Bytes of whole messages that are not with the transport; of large bodies none. */
  get frameBytes(): number {
    return this.#frameBytes;
  }

  get empty(): boolean {
    return this.#head === this.#queue.length;
  }

  /**
   * @throws FedloomError `protocol.message` or `protocol.body` when the message or its body is not what its type says.
   */
  push(
    message: AnyMessage,
    bytes: Uint8Array | undefined,
    { onSent, giveAway = false, shared }: SendOptions = {},
  ): void {
    this.#checkBodyRule(message, bytes);
    const end = onSent === undefined ? {} : { onSent };
    if (bytes === undefined) {
      this.#pushFrame(encodeControl(message, undefined, this.registry), end);
    } else if (bytes.length <= wireLimits.inlineBodyBytesMax) {
      this.#pushFrame(encodeInline(message, bytes, this.registry), end);
      if (giveAway) freeBytes(bytes);
    } else {
      // Encoded once to refuse a bad message here, where its sender is on the stack.
      encodeControl(message, undefined, this.registry);
      const body = { message, bytes, stream: 0, creditBytes: 0, sentBytes: 0, giveAway, shared, declined: false };
      this.#queue.push({ body, ...end });
    }
    this.#pump();
  }

  #pushFrame(frame: Uint8Array, end: Pick<Outgoing, 'onSent'>): void {
    this.#frameBytes += frame.length;
    this.#queue.push({ frame, ...end });
  }

  /** The other end does not want a body of which it has allowed nothing. @throws FedloomError `protocol.stream` */
  decline(stream: number): void {
    const body = this.#open.get(stream);
    if (body === undefined || body.creditBytes > 0) {
      throw new FedloomError('protocol.stream', `Stream ${stream} was declined, which is not open or was granted.`, {
        stream,
      });
    }
    body.declined = true;
    this.#open.delete(stream);
    body.giveBack?.();
    if (body.giveAway) freeBytes(body.bytes);
    this.#pump();
  }

  /** The other end allows `bytes` more of a body. @throws FedloomError `protocol.stream` or `protocol.overrun`. */
  grant(stream: number, bytes: number): void {
    const body = this.#open.get(stream);
    if (body === undefined) {
      throw new FedloomError('protocol.stream', `A grant names stream ${stream}, which is not open.`, { stream });
    }
    if (body.creditBytes + bytes > body.bytes.length) {
      throw new FedloomError('protocol.overrun', `Stream ${stream} was granted more bytes than it has.`, {
        stream,
        bytes,
      });
    }
    body.creditBytes += bytes;
    this.#pump();
  }

  drained(): void {
    this.#blocked = false;
    this.#pump();
  }

  clear(): void {
    const unsent = this.#queue.slice(this.#head);
    this.#queue = [];
    this.#frameBytes = 0;
    this.#head = 0;
    this.#announceAt = 0;
    for (const { giveBack } of this.#open.values()) giveBack?.();
    this.#open.clear();
    for (const item of unsent) item?.onSent?.();
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (!this.#blocked && (this.#announceNext() || this.#sendNext()));
    } finally {
      this.#pumping = false;
    }
    this.#forgetSent();
  }

  /** @returns whether there was a body to announce and a stream free for it. */
  #announceNext(): boolean {
    if (this.#open.size >= wireLimits.streamsMax) return false;
    while (this.#announceAt < this.#queue.length) {
      const item = this.#queue[this.#announceAt++];
      if (item === undefined || !('body' in item)) continue;
      const { body } = item;
      body.stream = ++this.#lastStream;
      this.#open.set(body.stream, body);
      this.#send(encodeControl(body.message, this.#announcementOf(body), this.registry));
      return true;
    }
    return false;
  }

  #announcementOf(body: OutgoingBody): BodyInfo {
    const { stream, bytes, shared } = body;
    const announcement = { stream, bytes: bytes.length };
    const { share } = this.#host;
    if (shared === undefined || share === undefined) return announcement;
    body.giveBack = share(shared, bytes);
    return { ...announcement, shared };
  }

  /** @returns whether the message at the head could send a frame, or was through without one. */
  #sendNext(): boolean {
    const item = this.#queue[this.#head];
    if (item === undefined) return false;
    if ('frame' in item) {
      this.#queue[this.#head++] = undefined;
      this.#frameBytes -= item.frame.length;
      this.#send(item.frame);
      item.onSent?.();
      return true;
    }
    const { bytes, stream, creditBytes, sentBytes, giveAway, giveBack, declined } = item.body;
    if (declined) {
      this.#queue[this.#head++] = undefined;
      item.onSent?.();
      return true;
    }
    if (giveBack !== undefined) {
      // The grant of a shared body says that the other end has all of it.
      if (creditBytes < bytes.length) return false;
      this.#queue[this.#head++] = undefined;
      this.#open.delete(stream);
      giveBack();
      if (giveAway) freeBytes(bytes);
      item.onSent?.();
      return true;
    }
    const end = Math.min(creditBytes, sentBytes + wireLimits.chunkBytesMax);
    if (end === sentBytes) return false;
    if (!this.#host.hasRoom()) {
      this.#blocked = true;
      return false;
    }
    item.body.sentBytes = end;
    const whole = end === bytes.length;
    if (whole) {
      this.#queue[this.#head++] = undefined;
      this.#open.delete(stream);
    }
    const wrapped = giveAway && whole && sentBytes === 0 ? wrapInChunk(stream, bytes) : undefined;
    const chunk = wrapped ?? encodeChunk(stream, sentBytes, bytes.subarray(sentBytes, end));
    this.#blocked = !this.#host.writeChunk(chunk);
    if (whole && giveAway && wrapped === undefined) freeBytes(bytes);
    if (whole) item.onSent?.();
    return true;
  }

  #send(frame: Uint8Array): void {
    this.#blocked = !this.#host.write(frame);
  }

  #forgetSent(): void {
    if (this.#head < this.#queue.length && this.#head < 1024) return;
    this.#queue.splice(0, this.#head);
    this.#announceAt = Math.max(0, this.#announceAt - this.#head);
    this.#head = 0;
  }

  #checkBodyRule(message: AnyMessage, bytes: Uint8Array | undefined): void {
    const rule = this.registry.get(message.type)?.body;
    if (rule === (bytes === undefined ? 'required' : 'none')) {
      throw new FedloomError(
        'protocol.body',
        `Message '${message.type}' ${bytes === undefined ? 'needs a body' : 'has no body'}.`,
        { type: message.type },
      );
    }
  }
}
