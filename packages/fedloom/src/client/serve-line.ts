import { FedloomError, isRemoteError } from '@fedloom/engine';
import type { ByteBudget } from '../protocol/byte-budget.js';
import { Channel, type ChannelOptions } from '../protocol/channel.js';
import type { Limits } from '../protocol/limits.js';
import type { Finish, Message } from '../protocol/messages.js';
import type { MessagePeer, OwnMessages } from '../protocol/own-messages.js';
import type { Timers } from '../protocol/stall-watch.js';
import type { Connection } from '../protocol/transport.js';

/** Why a connection ended: the run is over, or the line broke and the client may dial again. */
export type Ended = { readonly kind: 'finished'; readonly finish: Finish } | Lost;

export interface Lost {
  readonly kind: 'lost';
  readonly reason: string;
  /** The server had taken these clients in. */
  readonly joined: boolean;
}

export interface LineOptions {
  readonly budget: ByteBudget;
  readonly limits: Limits;
  readonly timers: Timers;
  readonly messages: OwnMessages;
  /** Sees what leaves, see `ChannelOptions`. */
  readonly onSend?: NonNullable<ChannelOptions['onSend']>;
  /** Leaves. */
  readonly signal?: AbortSignal;
  /** The connection is there: the client speaks first. */
  readonly onOpen: (channel: Channel) => void;
  /** What it rejects with ends the client. The body is there until it settles. */
  readonly onMessage: (channel: Channel, message: Message, body: Uint8Array | undefined) => Promise<void>;
  /** Whether the next connection may go better, after an error that ended this one. */
  readonly mayPass: (error: FedloomError) => boolean;
  /**
   * The connection is over; its end is told when this settles.
   * @param lost the client may come back over another
   */
  readonly onClosed: (channel: Channel, lost: boolean, error: FedloomError | undefined) => Promise<void>;
}

/**
 * Serves one connection of a client until it ends, however it does.
 * @throws FedloomError when the server refuses the client, and whatever `onMessage` rejects with
 */
export function serveLine(connection: Connection, options: LineOptions): Promise<Ended> {
  const { budget, limits, timers, messages, onSend, signal, onOpen, onMessage, mayPass, onClosed } = options;
  return new Promise((resolve, reject) => {
    let finish: Finish | undefined;
    let failure: { readonly error: unknown } | undefined;
    let joined = false;
    let peer: MessagePeer | undefined;
    const leave = () => channel.close('the client leaves');
    const channel: Channel = new Channel(connection, {
      role: 'client',
      budget,
      limits,
      timers,
      registry: messages.registry,
      ...(onSend && { onSend }),
      onMessage: (message, body, release) => {
        if (message.type === 'finish') finish = message;
        if (message.type === 'joined') joined = true;
        if (message.type === 'welcome') peer = messages.connect(channel, message.session, message.capabilities ?? []);
        onMessage(channel, message, body)
          .catch((error: unknown) => {
            failure ??= { error };
            if (error instanceof FedloomError) channel.fail(error);
            else channel.close('the client failed');
          })
          .finally(release);
      },
      onExtension: (message, body, release) => messages.receive(channel, peer, message, body, release),
      onClosed: (reason, error) => {
        signal?.removeEventListener('abort', leave);
        const broken = error === undefined || mayPass(error);
        const lost = finish === undefined && failure === undefined && broken && !signal?.aborted;
        void onClosed(channel, lost, error).then(() => {
          if (finish !== undefined) resolve({ kind: 'finished', finish });
          else if (failure !== undefined) reject(failure.error);
          else if (error !== undefined && !broken) reject(inOurWords(error));
          else resolve({ kind: 'lost', reason, joined });
        });
      },
    });
    if (signal?.aborted) leave();
    else signal?.addEventListener('abort', leave, { once: true });
    onOpen(channel);
  });
}

function inOurWords(error: FedloomError): FedloomError {
  return isRemoteError(error) ? error.reworded(`The server refused this client: ${error.message}`) : error;
}
