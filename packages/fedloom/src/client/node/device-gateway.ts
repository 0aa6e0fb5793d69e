import { setTimeout as sleep } from 'node:timers/promises';
import { DeviceDesk } from '../../compute/devices/device-desk.js';
import { DeviceExecutor } from '../../compute/devices/device-executor.js';
import type { DevicePort } from '../../protocol/device-port.js';
import type { Connection } from '../../protocol/transport.js';
import type { ClientEvent } from '../client-host.js';
import { diskStateStore } from './disk-state-store.js';
import { nodeClientHost } from './node-client-host.js';

export interface DeviceGatewayOptions {
  /** Opens another connection to the run's server. */
  readonly connect: () => Promise<Connection>;
  readonly run?: string;
  readonly onEvent?: (event: DeviceEvent) => void;
}

export type DeviceEvent =
  | { readonly type: 'came' | 'left'; readonly device: number }
  | { readonly type: 'failed'; readonly device: number; readonly error: unknown }
  | { readonly type: 'client'; readonly device: number; readonly event: ClientEvent };

const AGAIN_MS = 200;

/** A device while it is there: the client that takes part for it. */
interface Present {
  readonly desk: DeviceDesk;
  readonly gone: AbortController;
}

/**
 * Lets devices that speak JSON take part in a run: for each that is there, a client of the run asks it. Device n is the client
 * with index n - 1.
 * @returns ends it, and settles when all of its clients have left
 */
export function serveDevices(port: DevicePort, options: DeviceGatewayOptions): () => Promise<void> {
  const { connect, run, onEvent } = options;
  const states = diskStateStore();
  const present = new Map<number, Present>();
  const serving = new Set<Promise<void>>();
  const desks = new Map<number, DeviceDesk>();
  let closing = false;

  async function serve(device: number, desk: DeviceDesk, signal: AbortSignal): Promise<void> {
    const host = nodeClientHost({
      clients: [{ from: device - 1, count: 1 }],
      executor: new DeviceExecutor(device, desk),
      states,
      ...(run !== undefined && { run }),
      onEvent: (event) => onEvent?.({ type: 'client', device, event }),
    });
    try {
      while (!signal.aborted) {
        const { kind } = await host.serve(await connect(), signal);
        if (kind === 'finished') return;
        // Its last connection may not be over yet where it counts.
        await sleep(AGAIN_MS, undefined, { signal }).catch(() => {});
      }
    } catch (error) {
      onEvent?.({ type: 'failed', device, error });
    }
  }

  port.bind({
    came(device) {
      if (closing || present.has(device)) return;
      const desk = desks.get(device) ?? new DeviceDesk(device, (text) => port.send(device, text));
      desks.set(device, desk);
      const gone = new AbortController();
      present.set(device, { desk, gone });
      onEvent?.({ type: 'came', device });
      const served = serve(device, desk, gone.signal).finally(() => serving.delete(served));
      serving.add(served);
    },
    left(device) {
      present.get(device)?.gone.abort();
      if (present.delete(device)) onEvent?.({ type: 'left', device });
    },
    message(device, text) {
      desks.get(device)?.receive(text);
    },
  });

  return async () => {
    closing = true;
    for (const { gone } of present.values()) gone.abort();
    await Promise.allSettled(serving);
    await states.close();
  };
}
