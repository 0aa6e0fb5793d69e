import { FedloomError } from '@fedloom/engine';
import { type Channel, internalError } from './channel.js';
import {
  type ExtensionMessage,
  type MessageDefinition,
  type MessageRegistry,
  messageRegistry,
} from './define-message.js';
import { wireLimits } from './limits.js';
import { builtInMessages } from './schemas.js';

/** What a server, a client or a simulation is told of messages of your own, made with `defineMessage`. */
export interface MessageOptions {
  /**
   * Own messages that this end sends or takes; those that it takes come with `handleMessage`. Each is announced in the
   * handshake as a capability of its type's name, and sent only to whoever announced it too. At most 64.
   */
  readonly messages?: readonly (MessageDefinition | HandledMessage)[];
  /** Called for each connection after its handshake: on a client at the start and each time it comes back. */
  readonly onPeer?: (peer: MessagePeer) => void;
}

/** The other end of one connection, as far as own messages go. */
export interface MessagePeer {
  /** The connection's name, the same at both ends and in the events `clientsJoined` and `clientsLeft`. */
  readonly session: string;
  readonly open: boolean;
  /** The other end announced that it knows this type. */
  knows(definition: MessageDefinition): boolean;
  /**
   * Sends a message; `body` must not change until it has left.
   * @returns false when nothing was sent: the other end does not know the type, or the connection is over
   * @throws FedloomError `protocol.message` or `protocol.body` when it is not what its definition says, `protocol.direction`
   *   when it is not for this end to send, `protocol.definition` when this end's `messages` lack the definition
   */
  send<M extends { readonly type: string }>(
    definition: MessageDefinition<M>,
    fields: Omit<M, 'type'>,
    body?: Uint8Array,
  ): boolean;
}

/**
 * Takes a message; `from.send` answers. The body's memory is gone once the handler has ended, or its promise has: copy what
 * must stay. A FedloomError that it throws closes the connection and tells the other end its code and text; anything else is
 * a bug, which closes it with `protocol.internal`. A client that so fails ends: `joinFederation` rejects with it.
 */
export type OwnMessageHandler<M> = (
  message: M,
  from: MessagePeer,
  body: Uint8Array | undefined,
) => void | Promise<void>;

export interface HandledMessage {
  readonly definition: MessageDefinition;
  handle(message: { readonly type: string }, from: MessagePeer, body: Uint8Array | undefined): void | Promise<void>;
}

/** A message with who takes it, for the option `messages`. */
export function handleMessage<M extends { readonly type: string }>(
  definition: MessageDefinition<M>,
  handler: OwnMessageHandler<M>,
): HandledMessage {
  return { definition, handle: handler as OwnMessageHandler<{ readonly type: string }> };
}

/** The own messages of one end, over all its connections. */
export class OwnMessages {
  /** The built-in types and these. */
  readonly registry: MessageRegistry;
  /** What to announce in the handshake. */
  readonly capabilities: readonly string[];
  readonly #role: 'server' | 'client';
  readonly #handlers = new Map<string, HandledMessage>();
  readonly #onPeer: ((peer: MessagePeer) => void) | undefined;

  /** @throws FedloomError `protocol.definition` */
  constructor(role: 'server' | 'client', { messages = [], onPeer }: MessageOptions = {}) {
    const definitions = messages.map((message) => ('definition' in message ? message.definition : message));
    if (definitions.length > wireLimits.capabilitiesMax) {
      const message = `${definitions.length} own messages were given; an end can announce ${wireLimits.capabilitiesMax}.`;
      throw new FedloomError('protocol.definition', message, { count: definitions.length });
    }
    this.#role = role;
    this.#onPeer = onPeer;
    this.registry = messageRegistry(builtInMessages, definitions);
    this.capabilities = definitions.map(({ type }) => type);
    for (const message of messages) {
      if (!('definition' in message)) continue;
      const { type, from } = message.definition;
      if (from === role) {
        const text = `Message '${type}' comes from a ${from}: a ${role} has nothing to handle.`;
        throw new FedloomError('protocol.definition', text, { type });
      }
      this.#handlers.set(type, message);
    }
  }

  /** The handshake is over: `capabilities` are those of both ends. */
  connect(channel: Channel, session: string, capabilities: readonly string[]): MessagePeer {
    const common = new Set(capabilities.filter((name) => this.capabilities.includes(name)));
    const peer: MessagePeer = {
      session,
      get open() {
        return channel.open;
      },
      knows: ({ type }) => common.has(type),
      send: (definition, fields, body) => {
        const message = this.#checked(definition, fields);
        if (!channel.open || !common.has(definition.type)) return false;
        channel.send(message, body);
        return true;
      },
    };
    this.#onPeer?.(peer);
    return peer;
  }

  /** @throws FedloomError `protocol.order` before the handshake is over; what the handler throws */
  receive(
    channel: Channel,
    peer: MessagePeer | undefined,
    message: ExtensionMessage,
    body: Uint8Array | undefined,
    release: () => void,
  ): void {
    const { type } = message;
    if (peer === undefined) {
      throw new FedloomError('protocol.order', `Message '${type}' came before the handshake was over.`, { type });
    }
    const done = this.#handlers.get(type)?.handle(message, peer, body);
    if (!(done instanceof Promise)) return release();
    done
      .catch((error: unknown) => channel.fail(error instanceof FedloomError ? error : internalError(error)))
      .finally(release);
  }

  #checked({ type, from }: MessageDefinition, fields: object): ExtensionMessage {
    if (!this.capabilities.includes(type)) {
      const message = `Message '${type}' is not among the messages that this ${this.#role} was given: add its definition there.`;
      throw new FedloomError('protocol.definition', message, { type });
    }
    if (from !== 'both' && from !== this.#role) {
      throw new FedloomError('protocol.direction', `Message '${type}' is for a ${from} to send.`, { type });
    }
    return { ...fields, type: type as ExtensionMessage['type'] };
  }
}
