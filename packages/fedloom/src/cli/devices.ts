import { FedloomError } from '@fedloom/engine';
import { type DeviceEvent, serveDevices } from '../client/node/device-gateway.js';
import { expandRanges, type IndexRange } from '../core/index-ranges.js';
import type { Listen } from '../protocol/transport.js';
import { memoryTransport } from '../transport/memory/memory-transport.js';
import type { MqttDeviceOptions } from '../transport/mqtt/mqtt-package.js';
import type { Screen } from './report/screen.js';

/** Devices that take part in a server's run by JSON, over a connection within the process. */
export interface ServedDevices {
  /** Where their clients connect; before the transport that reaches the devices. */
  readonly listen: Listen;
  readonly options: MqttDeviceOptions;
  close(): Promise<void>;
}

/**
 * @param clients the indices of those that are devices: device n is the client with index n - 1
 * @param federation how many clients there are
 * @throws FedloomError `usage.value` for one that is beyond
 */
export function devicesAt(clients: readonly IndexRange[], federation: number, screen: Screen): ServedDevices {
  const beyond = clients.find(({ from, count }) => from + count > federation);
  if (beyond !== undefined) {
    const last = beyond.from + beyond.count - 1;
    const message = `--mobile names client ${last}, but the federation has ${federation} clients: 0 to ${federation - 1}.`;
    throw new FedloomError('usage.value', message, { name: '--mobile', text: String(last) });
  }
  const { listen, dial } = memoryTransport();
  let url = '';
  let close: () => Promise<void> = async () => {};
  return {
    listen: async (onConnection) => {
      const listener = await listen(onConnection);
      url = listener.url;
      return listener;
    },
    options: {
      numbers: expandRanges(clients).map((client) => client + 1),
      open: (port) => {
        close = serveDevices(port, { connect: () => dial(url), onEvent: (event) => tell(event, screen) });
      },
    },
    close: () => close(),
  };
}

function tell(event: DeviceEvent, screen: Screen): void {
  const { device } = event;
  const who = `Device ${device} (client ${device - 1})`;
  if (event.type === 'failed') return screen.line(`warning: ${who}: ${reasonOf(event.error)}`);
  if (event.type !== 'client') return screen.line(`${who} ${event.type === 'came' ? 'is there' : 'has left'}.`);
  const { event: told } = event;
  if (told.type === 'jobFailed') screen.line(`warning: ${who} failed: ${reasonOf(told.error)}`);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
