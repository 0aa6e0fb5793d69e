import { FedloomError } from '@fedloom/engine';
import { freeBytes, uninitializedBytes } from '../core/byte-memory.js';
import { type Amends, CONNECTION_MS, frameMs } from './amends.js';
import type { BudgetLane, ByteBudget } from './byte-budget.js';
import { type AnyMessage, decodeFrame, encodeControl, type Frame } from './codec.js';
import type { ExtensionMessage, MessageDefinition, MessageRegistry } from './define-message.js';
import { aligned, IncomingBodies } from './incoming-bodies.js';
import { defaultLimits, errorCodePattern, type Limits, wireLimits } from './limits.js';
import type { Decline, ErrorMessage, Grant, Message } from './messages.js';
import { Outbox, type SendOptions } from './outbox.js';
import type { Debtor, OwedBytes } from './owed-bytes.js';
import { builtInRegistry } from './schemas.js';
import { StallWatch, systemTimers, type Timers } from './stall-watch.js';
import type { Connection } from './transport.js';

/**
 * Takes a message and, where it has one, its body: 8-byte aligned, the owner's to change. The owner must call `release`
 * once it is done with the body: its bytes return to the budget and its memory is gone, views included. More calls do nothing.
 */
export type MessageHandler<M> = (message: M, body: Uint8Array | undefined, release: () => void) => void;

export interface ChannelOptions {
  /** This end: it takes the messages that the other role may send. */
  readonly role: 'server' | 'client';
  /** Shared by all channels of a process that should share their memory for incoming bodies. */
  readonly budget: ByteBudget;
  /** Shared likewise: what waits for the other ends. Default: each connection counts for itself. */
  readonly owed?: OwedBytes;
  /** Shared likewise: what those cost who send what is refused. Default: nobody asks. */
  readonly amends?: Amends;
  readonly limits?: Limits;
  /** What this end understands; default: the built-in messages. */
  readonly registry?: MessageRegistry;
  readonly timers?: Timers;
  /** Whether the body that a message announces is wanted, now; a small one comes with its message. Default: all are. */
  readonly wants?: (message: AnyMessage) => boolean;
  /**
   * Messages come in the order in which they were sent. A FedloomError that the handler throws fails the channel with its
   * code; anything else is a bug of the handler, which costs this connection (`protocol.internal`), not the process.
   */
  readonly onMessage: MessageHandler<Message>;
  /**
   * Sees each message before it is queued, but for those that only move bodies: what it returns is sent in its place. What it throws
   * ends the connection, and nothing is sent.
   */
  readonly onSend?: <M extends AnyMessage>(message: M, body: Uint8Array | undefined) => M;
  /** Messages of extensions in the registry. */
  readonly onExtension?: MessageHandler<ExtensionMessage>;
  /**
   * Called once, never from within a call of this channel; no message comes after. `error` tells why when the end was not
   * agreed: its code is ours, or the other end's, then with `fields.remote` true.
   */
  readonly onClosed: (reason: string, error?: FedloomError) => void;
}

/**
 * Typed messages with bodies over a connection. Bodies longer than 64 KiB are cut into chunks, granted by the receiver
 * from its byte budget, and sent as the transport takes them. What breaks the protocol closes the connection with a code.
 */
export class Channel {
  readonly peer: string;
  readonly #connection: Connection;
  readonly #options: ChannelOptions;
  #registry: MessageRegistry;
  #bodyBytesMax: number;
  readonly #owedBytesMax: number;
  readonly #lane: BudgetLane;
  readonly #outbox: Outbox;
  readonly #incoming: IncomingBodies;
  readonly #stall: StallWatch;
  #open = true;
  #closeWhenSent: string | undefined;
  /** What is being handled is refused. */
  #offended = false;
  #onRest: (() => void) | undefined;
  /** On what came, where amends are asked for. */
  #spentMs = 0;
  #bytesIn = 0;
  #bytesOut = 0;
  /** Of large bodies, since nothing waited with the transport. */
  #chunkBytes = 0;
  readonly #debtor: Debtor;
  readonly #leave: () => void;

  constructor(connection: Connection, options: ChannelOptions) {
    const limits = options.limits ?? defaultLimits;
    this.peer = connection.peer;
    this.#connection = connection;
    this.#options = options;
    this.#registry = options.registry ?? builtInRegistry;
    this.#bodyBytesMax = limits.bodyBytesMax;
    this.#lane = options.budget.lane();
    this.#owedBytesMax = options.role === 'server' ? limits.owedBytesMax : Number.POSITIVE_INFINITY;
    const bytesPerSecondMin = () =>
      this.#lane.contended ? limits.bodyBytesPerSecondContended : limits.bodyBytesPerSecondMin;
    const share = connection.share?.bind(connection);
    this.#debtor = this.#asDebtor();
    this.#leave = options.owed?.enter(this.#debtor) ?? (() => {});
    this.#outbox = new Outbox({
      write: (frame) => this.#write(frame),
      writeChunk: (frame) => this.#writeChunk(frame),
      hasRoom: () => options.owed?.hasRoom(this.#debtor) ?? true,
      registry: this.#registry,
      share,
    });
    this.#incoming = new IncomingBodies({
      lane: this.#lane,
      bodyBytesMax: () => Math.min(this.#bodyBytesMax, options.budget.capacityBytes),
      bodySizeAdvice: BODY_SIZE_ADVICE[options.role],
      sendGrant: (stream, bytes) => this.#sendGrant(stream, bytes),
      wants: (message) => options.wants?.(message) ?? true,
      sendDecline: (stream) => this.#write(encodeControl({ type: 'decline', stream })),
      fetch: this.#fetching(connection),
      deliver: (message, body) => this.#deliver(message, body, body.length),
    });
    this.#stall = new StallWatch({
      timers: options.timers ?? systemTimers,
      stallMs: limits.bodyStallMs,
      // A step of it is so much as must come in that time, or the end of a body.
      progress: () => {
        const { bytes, whole } = this.#incoming.progress;
        return whole + Math.floor(bytes / Math.max(1, (bytesPerSecondMin() * limits.bodyStallMs) / 1000));
      },
      onStalled: () => this.fail(stalled(limits.bodyStallMs)),
    });
    connection.bind({
      frame: (frame) => this.#receive(frame),
      drained: () => this.#drained(),
      closed: (reason) => this.#end(reason),
      memory: uninitializedBytes,
      spent: freeBytes,
    });
  }

  get open(): boolean {
    return this.#open;
  }

  /** What this end knows of the connection's encryption, see `Connection`. */
  get binding(): string | undefined {
    return this.#connection.binding;
  }

  /** Bytes of whole frames, both ways, without what the transport adds. */
  get bytesIn(): number {
    return this.#bytesIn;
  }

  get bytesOut(): number {
    return this.#bytesOut;
  }

  /** Whether the other end may be silent for as long as it likes, since it works on what it was asked; see `Connection`. */
  set patient(patient: boolean) {
    this.#connection.patient = patient;
  }

  /** Once it is known who the other end is: the messages that both understand from now on, and the largest body of its. */
  admit({ registry, bodyBytesMax }: { readonly registry: MessageRegistry; readonly bodyBytesMax: number }): void {
    this.#registry = registry;
    this.#outbox.registry = registry;
    this.#bodyBytesMax = bodyBytesMax;
  }

  /** Messages wait to be handed to the transport. */
  get pending(): boolean {
    return !this.#outbox.empty;
  }

  /**
   * Queues a message; after the channel has closed it does nothing. `body` must not change until it is sent: share it,
   * never reuse it.
   * @throws FedloomError `protocol.message` or `protocol.body` when the other end would refuse the message.
   */
  send(message: AnyMessage, body?: Uint8Array, options: SendOptions = {}): void {
    if (!this.#open || this.#closeWhenSent !== undefined) return options.onSent?.();
    const sent = this.#seen(message, body);
    if (sent === undefined) return options.onSent?.();
    const beforeBytes = this.#outbox.frameBytes;
    this.#outbox.push(sent, body, options);
    this.#options.owed?.grew(Math.max(0, this.#outbox.frameBytes - beforeBytes));
  }

  /**
   * What the other end just sent is refused, and the time that it took to be made up for.
   * @param onRest called afterwards if nothing is read for a while
   */
  offend(onRest?: () => void): void {
    this.#offended = true;
    this.#onRest = onRest;
  }

  /** Tells the other end what went wrong and closes; queued messages are dropped. */
  fail(error: FedloomError): void {
    if (!this.#open) return;
    this.#chargeForFault(error);
    const text = error.message.slice(0, wireLimits.textLengthMax);
    const sent = this.#seen<ErrorMessage>({ type: 'error', code: wireCode(error.code), message: text }, undefined);
    if (sent === undefined) return;
    this.#write(encodeControl(sent));
    this.#shut(`${error.code}: ${sent.message === text ? error.message : sent.message}`, error);
  }

  /** The message as it may be sent; undefined: it may not, and the connection is over. */
  #seen<M extends AnyMessage>(message: M, body: Uint8Array | undefined): M | undefined {
    const { onSend } = this.#options;
    if (onSend === undefined) return message;
    try {
      return onSend(message, body);
    } catch (error) {
      const failure = error instanceof FedloomError ? error : internalError(error);
      this.#shut(failure.code, failure);
      return undefined;
    }
  }

  /** Ends with a peer that takes nothing of what waits for it, and so would take no good-bye. */
  drop(error: FedloomError): void {
    if (!this.#open) return;
    this.#chargeForFault(error);
    const reason = `${error.code}: ${error.message}`;
    if (this.#connection.abort === undefined) return this.fail(error);
    this.#connection.abort(reason.slice(0, 120));
    this.#end(reason, error);
  }

  /** Closes; queued messages are dropped, what the transport holds still leaves. */
  close(reason = 'closed'): void {
    this.#shut(reason);
  }

  /** Closes as soon as everything queued is with the transport. The other end may take its time: set a deadline. */
  closeWhenSent(reason = 'closed'): void {
    if (!this.#open) return;
    this.#closeWhenSent = reason;
    this.#closeIfSent();
  }

  #write(frame: Uint8Array): boolean {
    this.#bytesOut += frame.length;
    if (this.#connection.bufferedBytes === 0) this.#chunkBytes = 0;
    this.#options.owed?.grew(frame.length);
    return this.#connection.send(frame);
  }

  #writeChunk(frame: Uint8Array): boolean {
    const { length } = frame;
    const goesOn = this.#write(frame);
    this.#chunkBytes += length;
    return goesOn;
  }

  #asDebtor(): Debtor {
    const owedBytes = () => this.#outbox.frameBytes + this.#connection.bufferedBytes;
    const heldBytes = () => this.#connection.bufferedBytes;
    const leftBytes = () => this.#bytesOut - this.#connection.bufferedBytes;
    return {
      get owedBytes() {
        return owedBytes();
      },
      get heldBytes() {
        return heldBytes();
      },
      get leftBytes() {
        return leftBytes();
      },
      resume: () => this.#drained(),
      cut: () => this.drop(takesNothing(owedBytes())),
    };
  }

  /** Messages and small bodies that wait for the other end, here and with the transport. */
  get #messageBytes(): number {
    return this.#outbox.frameBytes + Math.max(0, this.#connection.bufferedBytes - this.#chunkBytes);
  }

  #sendGrant(stream: number, bytes: number): void {
    // Grants pass the queue: bodies that wait on both sides for each other's would block each other.
    this.#write(encodeControl({ type: 'grant', stream, bytes }));
    this.#stall.start();
  }

  /** As the connection fetches shared bodies: what goes wrong with one fails the channel. */
  #fetching(connection: Connection): Connection['fetch'] {
    const fetch = connection.fetch?.bind(connection);
    if (fetch === undefined) return undefined;
    return (name, bytes, take) => {
      this.#stall.start();
      return fetch(name, bytes, (piece) => {
        if (!this.#open) return;
        try {
          take(piece);
          if (this.#incoming.filling === 0) this.#stall.stop();
        } catch (error) {
          this.fail(error instanceof FedloomError ? error : internalError(error));
        }
      });
    };
  }

  #drained(): void {
    if (!this.#open) return;
    this.#outbox.drained();
    this.#closeIfSent();
  }

  #closeIfSent(): void {
    if (this.#closeWhenSent !== undefined && this.#outbox.empty) this.#shut(this.#closeWhenSent);
  }

  /** For what ends a connection since its other end did it: whatever it cost so far was for nothing. */
  #chargeForFault({ code }: FedloomError): void {
    if (code.startsWith('protocol.')) this.#options.amends?.charge(this.peer, CONNECTION_MS + this.#spentMs);
  }

  #receive(bytes: Uint8Array): void {
    const { amends } = this.#options;
    if (amends === undefined) return this.#take(bytes);
    const startedMs = amends.now();
    this.#offended = false;
    this.#onRest = undefined;
    this.#take(bytes);
    const onRest = this.#onRest as (() => void) | undefined;
    const spentMs = frameMs(bytes.length) + amends.now() - startedMs;
    this.#spentMs += spentMs;
    if (!this.#offended) return;
    const restMs = amends.charge(this.peer, spentMs);
    // Where a transport reads on, as that of one's own process does, nobody is unheard.
    if (restMs <= 0 || this.#connection.rest === undefined) return;
    this.#connection.rest(restMs);
    onRest?.();
  }

  #take(bytes: Uint8Array): void {
    if (!this.#open) return;
    this.#bytesIn += bytes.length;
    const waitingMax = Math.min(this.#owedBytesMax, this.#options.owed?.shareBytes ?? Number.POSITIVE_INFINITY);
    if (this.#messageBytes > waitingMax) return this.drop(owed(this.#messageBytes, waitingMax));
    try {
      this.#handle(decodeFrame(bytes, this.#registry), bytes);
    } catch (error) {
      this.fail(error instanceof FedloomError ? error : internalError(error));
    }
  }

  #handle(frame: Frame, bytes: Uint8Array): void {
    if (frame.kind === 'chunk') {
      this.#incoming.chunk(frame.stream, frame.offset, frame.payload);
      if (this.#incoming.filling === 0) this.#stall.stop();
      return;
    }
    this.#checkSender(frame.definition);
    if (frame.kind === 'inline') {
      this.#lane.take(frame.body.length);
      const body = aligned(frame.body);
      this.#deliver(frame.message, body, frame.body.length, body === frame.body ? bytes : body);
    } else if (frame.body !== undefined) {
      this.#incoming.announce(frame.message, frame.body);
    } else if (frame.message.type === 'grant') {
      const grant = frame.message as Grant;
      this.#outbox.grant(grant.stream, grant.bytes);
      this.#closeIfSent();
    } else if (frame.message.type === 'decline') {
      this.#outbox.decline((frame.message as Decline).stream);
      this.#closeIfSent();
    } else if (frame.message.type === 'error') {
      this.#remoteError(frame.message as ErrorMessage);
    } else {
      this.#deliver(frame.message, undefined, 0);
    }
  }

  #checkSender({ type, from }: MessageDefinition): void {
    if (from !== this.#options.role) return;
    throw new FedloomError('protocol.direction', `Message '${type}' is not for a ${this.#options.role} to receive.`, {
      type,
    });
  }

  /** @param memory all that is freed with the body */
  #deliver(message: AnyMessage, body: Uint8Array | undefined, bytes: number, memory = body): void {
    let held = bytes;
    const release = (): void => {
      const releasedBytes = held;
      held = 0;
      if (releasedBytes === 0) return;
      this.#lane.release(releasedBytes);
      if (memory !== undefined) freeBytes(memory);
    };
    try {
      if (!message.type.includes('/')) this.#options.onMessage(message as Message, body, release);
      else if (this.#options.onExtension) this.#options.onExtension(message as ExtensionMessage, body, release);
      else release();
    } catch (error) {
      release();
      throw error;
    }
  }

  #remoteError({ code, message }: ErrorMessage): void {
    this.#shut(`${code}: ${message}`, FedloomError.remote(code, message, this.peer));
  }

  /** Ends this side at once; the transport says good-bye to the other. */
  #shut(reason: string, error?: FedloomError): void {
    if (!this.#open) return;
    this.#connection.close(reason.slice(0, 120));
    this.#end(reason, error);
  }

  #end(reason: string, error?: FedloomError): void {
    if (!this.#open) return;
    this.#open = false;
    this.#leave();
    this.#stall.stop();
    this.#outbox.clear();
    this.#incoming.close();
    queueMicrotask(() => this.#options.onClosed(reason, error));
  }
}

const BODY_SIZE_ADVICE = {
  client: 'Raise the limit with --max-body (bodyBytesMax), or use a smaller model.',
  server: "No update of this run's model is larger: does the client train another?",
};

/** Error codes of extensions may read as they like; on the wire they keep to the rule. */
function wireCode(code: string): string {
  return errorCodePattern.test(code) ? code : 'protocol.internal';
}

/** @param bytes that wait for the other end */
export function owed(bytes: number, bytesMax: number): FedloomError {
  return new FedloomError(
    'protocol.owed',
    `The other end does not take what it is sent: ${bytes} bytes wait for it, and at most ${Math.floor(bytesMax)} may.`,
    { bytes, bytesMax },
  );
}

function takesNothing(bytes: number): FedloomError {
  return new FedloomError(
    'protocol.owed',
    `The other end has taken nothing of ${bytes} bytes that wait for it for a while, and others need the room.`,
    { bytes, bytesMax: 0 },
  );
}

function stalled(stallMs: number): FedloomError {
  return new FedloomError(
    'protocol.stalled',
    `A granted body made no progress for ${stallMs} ms. Is the other end overloaded or the network down?`,
    { stallMs },
  );
}

/** A handler threw what is no FedloomError. */
export function internalError(cause: unknown): FedloomError {
  return new FedloomError(
    'protocol.internal',
    `A message could not be handled: a bug here. ${String(cause)}`.slice(0, 512),
    {},
    { cause },
  );
}
