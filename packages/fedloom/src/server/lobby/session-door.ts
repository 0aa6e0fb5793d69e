import { FedloomError } from '@fedloom/engine';
import type { Clock } from '../../core/clock.js';
import type { ByteBudget } from '../../protocol/byte-budget.js';
import { Channel } from '../../protocol/channel.js';
import { type ServerHandshakeState, stepServerHandshake } from '../../protocol/handshake.js';
import type { Limits } from '../../protocol/limits.js';
import type { Finish, Message, Welcome } from '../../protocol/messages.js';
import type { MessagePeer, OwnMessages } from '../../protocol/own-messages.js';
import type { Connection } from '../../protocol/transport.js';
import { Session, type SessionMessage } from './session.js';

/** A client that has not said who it is after this long is let go. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** How long the server waits, at the end, for clients to close. */
const FAREWELL_TIMEOUT_MS = 2_000;

export interface SessionDoorOptions {
  readonly welcome: Omit<Welcome, 'type' | 'session' | 'capabilities'>;
  readonly clock: Clock;
  readonly budget: ByteBudget;
  readonly limits: Limits;
  readonly nonce: () => string;
  readonly messages: OwnMessages;
  /**
   * What it throws, or rejects with, closes the session: the peer gets a `FedloomError` in words, and a bug as
   * `protocol.internal`. The body is there until it returns or its promise settles.
   */
  readonly onMessage: (session: Session, message: SessionMessage, body: Uint8Array | undefined) => void | Promise<void>;
  readonly onClosed: (session: Session, reason: string) => void;
}

/** Lets connections in: handshake, sessions, the bytes they move, and the farewell. */
export class SessionDoor {
  readonly #options: SessionDoorOptions;
  readonly #channels = new Set<Channel>();
  readonly #sessions = new Map<string, Session>();
  #nextSession = 0;
  #closedUp = 0;
  #closedDown = 0;
  #finish: Finish | undefined;
  #whenEmpty: (() => void) | undefined;

  constructor(options: SessionDoorOptions) {
    this.#options = options;
  }

  get sessions(): Iterable<Session> {
    return this.#sessions.values();
  }

  get(id: string): Session | undefined {
    return this.#sessions.get(id);
  }

  /** Bytes over all connections so far. */
  get bytes(): { readonly up: number; readonly down: number } {
    let up = this.#closedUp;
    let down = this.#closedDown;
    for (const channel of this.#channels) {
      up += channel.bytesIn;
      down += channel.bytesOut;
    }
    return { up, down };
  }

  accept(connection: Connection): void {
    const { budget, limits, clock, messages, onClosed } = this.#options;
    let session: Session | undefined;
    let peer: MessagePeer | undefined;
    const nonce = this.#options.nonce();
    let handshake: ServerHandshakeState = { step: 'hello' };
    const channel: Channel = new Channel(connection, {
      role: 'server',
      budget,
      limits,
      registry: messages.registry,
      onMessage: (message, body, release) => {
        const handle = (): void | Promise<void> => {
          if (session !== undefined) return this.#options.onMessage(session, sessionMessage(message), body);
          const { state, reply } = stepServerHandshake(handshake, message, {
            nonce,
            capabilities: messages.capabilities,
          });
          handshake = state;
          if (reply !== undefined) channel.send(reply);
          if (state.step !== 'accepted') return;
          cancelTimer();
          session = this.#open(channel, state.capabilities);
          peer = messages.connect(channel, session.id, state.capabilities);
        };
        let working: void | Promise<void>;
        try {
          working = handle();
        } catch (error) {
          release();
          throw error;
        }
        if (working === undefined) release();
        else working.catch((error: unknown) => channel.fail(asFedloomError(error))).finally(release);
      },
      onExtension: (message, body, release) => messages.receive(channel, peer, message, body, release),
      onClosed: (reason) => {
        cancelTimer();
        this.#channels.delete(channel);
        this.#closedUp += channel.bytesIn;
        this.#closedDown += channel.bytesOut;
        if (session !== undefined) {
          this.#sessions.delete(session.id);
          onClosed(session, reason);
        }
        if (this.#channels.size === 0) this.#whenEmpty?.();
      },
    });
    this.#channels.add(channel);
    const cancelTimer = clock.setTimer(HANDSHAKE_TIMEOUT_MS, () =>
      channel.fail(
        new FedloomError('protocol.handshake-timeout', `No complete handshake within ${HANDSHAKE_TIMEOUT_MS} ms.`),
      ),
    );
  }

  /** Tells every session that the run is over and waits, for a while, until they have closed. */
  async close(finish: Finish): Promise<void> {
    this.#finish = finish;
    for (const session of this.#sessions.values()) session.channel.send(finish);
    if (this.#channels.size === 0) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#options.clock.setTimer(FAREWELL_TIMEOUT_MS, resolve);
      this.#whenEmpty = () => {
        cancel();
        resolve();
      };
    });
    for (const channel of [...this.#channels]) channel.close('the run is over');
  }

  #open(channel: Channel, capabilities: readonly string[]): Session {
    const session = new Session(`s${this.#nextSession}`, channel);
    this.#nextSession += 1;
    this.#sessions.set(session.id, session);
    channel.send({
      type: 'welcome',
      session: session.id,
      ...this.#options.welcome,
      ...(capabilities.length > 0 && { capabilities }),
    });
    if (this.#finish !== undefined) channel.send(this.#finish);
    return session;
  }
}

function asFedloomError(error: unknown): FedloomError {
  if (error instanceof FedloomError) return error;
  return new FedloomError('protocol.internal', `A message could not be handled: a bug here. ${String(error)}`);
}

/** @throws FedloomError `protocol.order` for a message of the handshake, which is over. */
function sessionMessage(message: Message): SessionMessage {
  switch (message.type) {
    case 'getPlan':
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
