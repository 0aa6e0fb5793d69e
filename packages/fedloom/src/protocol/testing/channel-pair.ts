import type { FedloomError } from '@fedloom/engine';
import { memoryTransport } from '../../transport/memory/memory-transport.js';
import { ByteBudget } from '../byte-budget.js';
import { Channel, type ChannelOptions } from '../channel.js';
import type { AnyMessage } from '../codec.js';
import type { Connection, Dial, Listener } from '../transport.js';

export interface Received {
  readonly message: AnyMessage;
  readonly body: Uint8Array | undefined;
  readonly release: () => void;
}

/** A channel end that keeps what comes, and lets a test wait for it. */
export class TestEnd {
  readonly budget: ByteBudget;
  readonly received: Received[] = [];
  readonly channel: Channel;
  readonly closed: Promise<{ reason: string; error: FedloomError | undefined }>;
  #wake: (() => void)[] = [];

  constructor(
    connection: Connection,
    options: Partial<ChannelOptions> & Pick<ChannelOptions, 'role'> & { readonly keepBodies?: boolean },
  ) {
    this.budget = options.budget ?? new ByteBudget(64 << 20);
    const take = (message: AnyMessage, body: Uint8Array | undefined, release: () => void): void => {
      // A released body is gone: what a test looks at later is a copy.
      this.received.push({ message, body: options.keepBodies ? body : body?.slice(), release });
      if (!options.keepBodies) release();
      for (const wake of this.#wake.splice(0)) wake();
    };
    let channel: Channel | undefined;
    this.closed = new Promise((resolve) => {
      channel = new Channel(connection, {
        onMessage: take,
        onExtension: take,
        onClosed: (reason, error) => resolve({ reason, error }),
        ...options,
        budget: this.budget,
      });
    });
    this.channel = channel!;
  }

  /** The messages so far, once there are `count`. */
  async messages(count: number): Promise<readonly Received[]> {
    while (this.received.length < count) await new Promise<void>((resolve) => this.#wake.push(resolve));
    return this.received;
  }
}

/** Two bare ends over the memory transport. */
export async function connectionPair(bufferedBytesMax = 8 << 20): Promise<{ server: Connection; client: Connection }> {
  const transport = memoryTransport({ bufferedBytesMax });
  return pairOf(async (accept) => transport.listen(accept), transport.dial);
}

/** Two ends over any transport. */
export async function pairOf(
  listen: (accept: (connection: Connection) => void) => Promise<Listener>,
  dial: Dial,
): Promise<{ server: Connection; client: Connection; listener: Listener }> {
  let accept!: (connection: Connection) => void;
  const accepted = new Promise<Connection>((resolve) => {
    accept = resolve;
  });
  const listener = await listen(accept);
  const [client, server] = await Promise.all([dial(listener.url), accepted]);
  return { server, client, listener };
}

type EndOptions = Omit<Partial<ChannelOptions>, 'role'> & { readonly keepBodies?: boolean };

export async function channelPair(
  options: { readonly server?: EndOptions; readonly client?: EndOptions; readonly bufferedBytesMax?: number } = {},
): Promise<{ server: TestEnd; client: TestEnd }> {
  const pair = await connectionPair(options.bufferedBytesMax);
  return {
    server: new TestEnd(pair.server, { role: 'server', ...options.server }),
    client: new TestEnd(pair.client, { role: 'client', ...options.client }),
  };
}
