import { FedloomError } from '@fedloom/engine';
import type { Clock } from '../../core/clock.js';
import { type Channel, internalError, type MessageHandler } from '../../protocol/channel.js';
import type { AnyMessage } from '../../protocol/codec.js';
import type { ExtensionMessage } from '../../protocol/define-message.js';
import type { Identity } from '../../protocol/handshake.js';
import type { Finish, Message, Welcome } from '../../protocol/messages.js';
import type { MessagePeer, OwnMessages } from '../../protocol/own-messages.js';
import { Session, type SessionMessage } from './session.js';

/** How long the server waits, at the end, for clients to close. */
const FAREWELL_TIMEOUT_MS = 2_000;

export interface SessionDoorOptions {
  /** What every client of the run is told. */
  readonly welcome: Omit<Welcome, 'type' | 'session' | 'capabilities'>;
  readonly messages: OwnMessages;
  /** Largest body that a client of the run may send. */
  readonly bodyBytesMax: number;
  /** Room that its bodies need, on their way in, all together. */
  readonly budgetBytes: number;
  /**
   * What it throws, or rejects with, closes the session: the peer gets a `FedloomError` in words, and a bug as
   * `protocol.internal`. The body is there until it returns or its promise settles.
   */
  readonly onMessage: (session: Session, message: SessionMessage, body: Uint8Array | undefined) => void | Promise<void>;
  /** Whether the body that a message announces is to come, now. What it throws closes the session. Default: all are. */
  readonly wants?: (session: Session, message: SessionMessage) => boolean;
  /** Whether clients of the session take part. Default: they do. */
  readonly takesPart?: (session: Session) => boolean;
  readonly onClosed: (session: Session, reason: string) => void;
  /** Its own code threw where no session is to blame. */
  readonly onFailure: (error: unknown) => void;
}

/** What the lobby hands on of a connection that it has let in. */
export interface Guest {
  /** Says welcome; from now on the run hears of it. */
  begin(): void;
  readonly message: MessageHandler<Message>;
  readonly extension: MessageHandler<ExtensionMessage>;
  wants(message: AnyMessage): boolean;
  /** Clients of it have joined and not left. */
  readonly takesPart: boolean;
  closed(reason: string): void;
}

/** The part of a lobby that belongs to one run: its sessions, the bytes they move, and the farewell. */
export class SessionDoor {
  readonly #options: SessionDoorOptions;
  readonly #clock: Clock;
  readonly #sessions = new Map<string, Session>();
  #closedUp = 0;
  #closedDown = 0;
  #finish: Finish | undefined;
  readonly #told = new WeakSet<Session>();
  #closing = false;
  #whenEmpty: (() => void) | undefined;

  /** @param onOver the farewell is over */
  constructor(
    options: SessionDoorOptions,
    clock: Clock,
    private readonly onOver: (finish: Finish) => void = () => {},
  ) {
    this.#options = options;
    this.#clock = clock;
  }

  get options(): SessionDoorOptions {
    return this.#options;
  }

  get sessions(): Iterable<Session> {
    return this.#sessions.values();
  }

  get(id: string): Session | undefined {
    return this.#sessions.get(id);
  }

  /** Bytes over all sessions so far, their handshakes included. */
  get bytes(): { readonly up: number; readonly down: number } {
    let up = this.#closedUp;
    let down = this.#closedDown;
    for (const { channel } of this.#sessions.values()) {
      up += channel.bytesIn;
      down += channel.bytesOut;
    }
    return { up, down };
  }

  /** The run is over, and this is what its clients are told. */
  get finish(): Finish | undefined {
    return this.#finish;
  }

  /**
   * @param capabilities those that the client and the run have
   * @param identity who the client has proved to be
   */
  enter(id: string, channel: Channel, capabilities: readonly string[], identity?: Identity): Guest {
    const { welcome, messages, onMessage, onClosed, onFailure, takesPart = () => true } = this.#options;
    const session = new Session(id, channel, identity);
    let peer: MessagePeer | undefined;
    return {
      begin: () => {
        this.#sessions.set(id, session);
        channel.admit({ registry: messages.registry, bodyBytesMax: this.#options.bodyBytesMax });
        channel.send({ type: 'welcome', session: id, ...welcome, ...(capabilities.length > 0 && { capabilities }) });
        if (this.#closing) this.tell(session);
        peer = messages.connect(channel, id, capabilities);
      },
      message: (message, body, release) => {
        let working: void | Promise<void>;
        try {
          working = onMessage(session, sessionMessage(message), body);
        } catch (error) {
          release();
          throw error;
        }
        if (working === undefined) release();
        else working.catch((error: unknown) => channel.fail(asFedloomError(error))).finally(release);
      },
      wants: (message) =>
        message.type.includes('/') || (this.#options.wants?.(session, sessionMessage(message as Message)) ?? true),
      get takesPart() {
        return takesPart(session);
      },
      extension: (message, body, release) => messages.receive(channel, peer, message, body, release),
      closed: (reason) => {
        this.#sessions.delete(id);
        this.#closedUp += channel.bytesIn;
        this.#closedDown += channel.bytesOut;
        try {
          onClosed(session, reason);
        } catch (error) {
          // Nobody is on the stack to catch it: it would end the process, and every other run in it.
          onFailure(error);
        }
        if (this.#sessions.size === 0) this.#whenEmpty?.();
      },
    };
  }

  /** The run is over. Nobody is told yet. */
  end(finish: Finish): void {
    this.#finish = finish;
  }

  /** Tells a session that the run is over, if it is, once. */
  tell(session: Session): void {
    if (this.#finish === undefined || this.#told.has(session)) return;
    this.#told.add(session);
    session.channel.send(this.#finish);
  }

  /**
   * Tells every session that the run is over, also those that come meanwhile, and waits, for a while, until they have closed.
   */
  async close(finish: Finish): Promise<void> {
    this.end(finish);
    this.#closing = true;
    for (const session of this.#sessions.values()) this.tell(session);
    if (this.#sessions.size > 0) {
      await new Promise<void>((resolve) => {
        const cancel = this.#clock.setTimer(FAREWELL_TIMEOUT_MS, resolve);
        this.#whenEmpty = () => {
          cancel();
          resolve();
        };
      });
      for (const { channel } of [...this.#sessions.values()]) channel.close('the run is over');
    }
    this.onOver(finish);
  }
}

function asFedloomError(error: unknown): FedloomError {
  return error instanceof FedloomError ? error : internalError(error);
}

/** @throws FedloomError `protocol.order` for a message of the handshake, which is over. */
function sessionMessage(message: Message): SessionMessage {
  switch (message.type) {
    case 'getPlan':
    case 'getFrozen':
    case 'join':
    case 'leave':
    case 'update':
    case 'evaluations':
    case 'failed':
      return message;
    default:
      throw new FedloomError('protocol.order', `Message '${message.type}' came after the handshake.`, {
        type: message.type,
      });
  }
}
