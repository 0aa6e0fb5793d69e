import { FedloomError } from '@fedloom/engine';
import type { Clock } from '../../core/clock.js';
import { Amends } from '../../protocol/amends.js';
import { ByteBudget } from '../../protocol/byte-budget.js';
import { Channel } from '../../protocol/channel.js';
import type { MessageRegistry } from '../../protocol/define-message.js';
import {
  type ClientAccepted,
  commonCapabilities,
  type ServerAuth,
  type ServerHandshakeState,
  stepServerHandshake,
} from '../../protocol/handshake.js';
import { defaultLimits, wireLimits } from '../../protocol/limits.js';
import type { Message } from '../../protocol/messages.js';
import { OwedBytes } from '../../protocol/owed-bytes.js';
import { builtInRegistry } from '../../protocol/schemas.js';
import type { Connection } from '../../protocol/transport.js';
import { Admitted } from './admitted.js';
import { Doors } from './doors.js';
import type { Guest, SessionDoor, SessionDoorOptions } from './session-door.js';

/** A client that has not said who it is after this long is let go. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** Connections over which no client takes part (yet). */
const UNJOINED_MAX = 8_192;
/** Bytes that may wait for all clients together; at half of it those who take nothing are seen to. */
const OWED_BYTES_MAX = 128 << 20;
/** Nobody sends bodies before it is let in: those that come with their message are refused for their order. */
const limitsOfStrangers = { ...defaultLimits, bodyBytesMax: wireLimits.inlineBodyBytesMax };

/** Who came to a server's door, and what became of that. */
export type Entry =
  | {
      readonly kind: 'admitted';
      /** Names the connection from now on. */
      readonly session: string;
      /** Where it comes from. */
      readonly peer: string;
      /** How it was asked who it is; `none`: not at all. */
      readonly method: string;
      /** Who it has proved to be. */
      readonly identity?: string;
      readonly software: string;
    }
  | { readonly kind: 'refused'; readonly peer: string; readonly code: string; readonly message: string };

export interface LobbyParts {
  readonly clock: Clock;
  /** Fresh hexadecimal text, not to be guessed. */
  readonly nonce: () => string;
  /** How clients prove who they are. Default: nobody is asked. */
  readonly auth?: readonly ServerAuth[];
  /** After so long without a client that takes part a connection is closed. Default: never. */
  readonly joinTimeoutMs?: number;
  /** Told of everybody who came as far as a connection. */
  readonly onEntry?: (entry: Entry) => void;
}

/**
 * Where connections come in, from any transport: handshake, and on to the run that the client names. It has one byte budget;
 * a run has its own sessions, messages and limits, and what happens to it happens to nobody else.
 */
export class Lobby {
  /** Memory for bodies on their way in, shared by the runs: it grows to what the largest of them needs. */
  readonly budget = new ByteBudget(0);
  readonly #owed: OwedBytes;
  readonly #amends: Amends;
  readonly #parts: LobbyParts;
  readonly #doors: Doors;
  readonly #strangers = new Set<Channel>();
  readonly #unjoined = new Set<Channel>();
  readonly #admitted: Admitted;
  #nextSession = 0;
  #closed = false;

  constructor(parts: LobbyParts) {
    this.#parts = parts;
    this.#owed = new OwedBytes(OWED_BYTES_MAX, parts.clock);
    this.#amends = new Amends(parts.clock);
    this.#doors = new Doors(parts.clock);
    this.#admitted = new Admitted(parts.auth ?? []);
  }

  /** That of its runs too. */
  get clock(): Clock {
    return this.#parts.clock;
  }

  /** Names of the runs that take clients. */
  get runs(): readonly string[] {
    return this.#doors.open;
  }

  /**
   * Lets clients in to a run, until its door is closed.
   * @throws FedloomError `lobby.run-taken`
   */
  openDoor(options: SessionDoorOptions): SessionDoor {
    const door = this.#doors.add(options);
    this.budget.grow(options.budgetBytes);
    return door;
  }

  /** @throws FedloomError `lobby.run-taken` when a run of that name is here, if only to say farewell */
  refuseTaken(run: string): void {
    this.#doors.refuseTaken(run);
  }

  /** Takes over a connection that a transport opened. */
  accept(connection: Connection): void {
    const { auth } = this.#parts;
    const { binding, certified } = connection;
    const expected = {
      nonce: this.#parts.nonce(),
      ...(auth && { methods: auth }),
      ...(binding !== undefined && { binding }),
    };
    let handshake: ServerHandshakeState = { step: 'hello' };
    let guest: Guest | undefined;
    let cancelTimer = nothing;
    let cancelJoin = nothing;
    const forgetJoin = (): void => {
      cancelJoin();
      cancelJoin = nothing;
    };
    const channel: Channel = new Channel(connection, {
      role: 'server',
      budget: this.budget,
      owed: this.#owed,
      amends: this.#amends,
      limits: limitsOfStrangers,
      registry: this.#registryOfStrangers,
      timers: this.#parts.clock,
      wants: (message) => guest?.wants(message) ?? true,
      onMessage: (message, body, release) => {
        if (guest !== undefined) {
          guest.message(message, body, release);
          if (message.type === 'join') {
            this.#unjoined.delete(channel);
            // Idle clients may be many: none keeps a timer that has nothing to end.
            if (guest.takesPart) forgetJoin();
          } else if (message.type === 'leave') awaitJoin();
          return;
        }
        release();
        const { state, reply } = stepServerHandshake(handshake, message, expected);
        handshake = state;
        if (reply !== undefined) channel.send(reply);
        if (state.step !== 'accepted') return;
        cancelTimer();
        cancelTimer = nothing;
        this.#strangers.delete(channel);
        if (state.identity !== undefined) this.#admitted.add(channel, state.method, state.identity);
        guest = this.#admit(channel, certified === undefined ? state : { identity: { name: certified }, ...state });
        guest?.begin();
        if (guest !== undefined) awaitJoin();
      },
      onExtension: (message, body, release) => {
        if (guest === undefined) throw tooEarly(message);
        guest.extension(message, body, release);
      },
      onClosed: (reason, error) => {
        cancelTimer();
        cancelJoin();
        this.#strangers.delete(channel);
        this.#unjoined.delete(channel);
        this.#admitted.left(channel);
        if (guest === undefined && error !== undefined) {
          const { code, message } = error;
          this.#parts.onEntry?.({ kind: 'refused', peer: channel.peer, code, message });
        }
        guest?.closed(reason);
      },
    });
    const awaitJoin = (): void => {
      cancelJoin();
      cancelJoin = this.#awaitJoin(channel, () => guest?.takesPart ?? false);
    };
    const restMs = this.#amends.restMs(connection.peer);
    if (restMs > 0) connection.rest?.(restMs);
    if (this.#unjoined.size >= UNJOINED_MAX) return channel.fail(full());
    this.#strangers.add(channel);
    this.#unjoined.add(channel);
    cancelTimer = this.#parts.clock.setTimer(HANDSHAKE_TIMEOUT_MS, () =>
      channel.fail(
        new FedloomError('protocol.handshake-timeout', `No complete handshake within ${HANDSHAKE_TIMEOUT_MS} ms.`),
      ),
    );
    if (this.#closed) channel.close(CLOSED);
  }

  /** Connections are few: who has nobody to take part goes. */
  #awaitJoin(channel: Channel, takesPart: () => boolean): () => void {
    const { clock, joinTimeoutMs } = this.#parts;
    if (joinTimeoutMs === undefined) return () => {};
    return clock.setTimer(joinTimeoutMs, () => {
      if (!takesPart()) channel.fail(joinTimeout(joinTimeoutMs));
    });
  }

  /** Lets nobody in any more. Sessions stay until their runs close them. */
  close(): void {
    this.#closed = true;
    this.#admitted.close();
    for (const channel of [...this.#strangers]) channel.close(CLOSED);
  }

  /**
   * @returns undefined for a run that is over, of which the client has been told
   * @throws FedloomError `lobby.run`, `lobby.empty`, `protocol.capability`
   */
  #admit(channel: Channel, { run, capabilities, method, identity, software }: ClientAccepted): Guest | undefined {
    const found = this.#doors.find(run);
    const id = `s${this.#nextSession}`;
    this.#nextSession += 1;
    if (found.kind === 'open') {
      const { door } = found;
      const common = commonCapabilities(capabilities, door.options.messages.capabilities);
      const { peer } = channel;
      const who = identity === undefined ? {} : { identity: identity.name };
      this.#parts.onEntry?.({ kind: 'admitted', session: id, peer, method, software, ...who });
      return door.enter(id, channel, common, identity);
    }
    channel.send({ type: 'welcome', session: id, ...found.welcome });
    channel.send(found.finish);
    channel.closeWhenSent('the run is over');
    return undefined;
  }

  /** What is known in any run can be told from nonsense, and is too early all the same. */
  readonly #registryOfStrangers: MessageRegistry = {
    get: (type) => builtInRegistry.get(type) ?? this.#doors.definition(type),
  };
}

const CLOSED = 'the server is closing';
const nothing = (): void => {};

function full(): FedloomError {
  return new FedloomError(
    'transport.full',
    `${UNJOINED_MAX} connections are open over which nobody takes part; try again later.`,
    {},
  );
}

function joinTimeout(joinTimeoutMs: number): FedloomError {
  const message = `No client of this connection takes part after ${joinTimeoutMs / 1000} s; dial again when they can join.`;
  return new FedloomError('join.timeout', message, { joinTimeoutMs });
}

function tooEarly({ type }: Pick<Message, 'type'> | { readonly type: string }): FedloomError {
  return new FedloomError('protocol.order', `Message '${type}' came before the handshake was over.`, { type });
}
