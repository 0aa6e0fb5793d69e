import { FedloomError } from '@fedloom/engine';
import type { Connection, Dial, Listener } from '../../protocol/transport.js';
import { MemoryPipe } from './memory-pipe.js';

export interface MemoryTransportOptions {
  /** `send` returns false from so many undelivered bytes on; default 8 MiB. */
  readonly bufferedBytesMax?: number;
}

export interface MemoryTransport {
  listen(onConnection: (connection: Connection) => void): Listener;
  /** Only to listeners of this transport. */
  readonly dial: Dial;
}

/**
 * Connections within one process: frames pass by reference, in order, never within the call that sends them. Frames are
 * delivered in batches between which timers and sockets have their turn.
 */
export function memoryTransport(options: MemoryTransportOptions = {}): MemoryTransport {
  const bufferedBytesMax = options.bufferedBytesMax ?? 8 << 20;
  const listeners = new Map<string, (connection: Connection) => void>();
  let listenerCount = 0;

  function listen(onConnection: (connection: Connection) => void): Listener {
    const url = `memory://${++listenerCount}`;
    listeners.set(url, onConnection);
    return {
      url,
      close: async () => {
        listeners.delete(url);
      },
    };
  }

  async function dial(url: string, { signal }: { readonly signal?: AbortSignal } = {}): Promise<Connection> {
    if (signal?.aborted) {
      throw new FedloomError(
        'transport.connect',
        `Connecting to ${url} was cancelled.`,
        { url },
        { cause: signal.reason },
      );
    }
    const onConnection = listeners.get(url);
    if (onConnection === undefined) {
      throw new FedloomError('transport.connect', `No server listens at ${url} in this process.`, { url });
    }
    const [server, client] = MemoryPipe.pair(bufferedBytesMax);
    onConnection(server);
    return client;
  }

  return { listen, dial };
}
