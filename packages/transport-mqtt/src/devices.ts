import { setTimeout as sleep } from 'node:timers/promises';
import type { DeviceHandlers, DevicePort } from 'fedloom';
import type { BrokerLink, LinkHandlers } from './broker/link.js';

/** Devices that speak JSON, at FedML's topics. */
export interface DeviceOptions {
  /** Their numbers, from 1. */
  readonly numbers: readonly number[];
  /** Takes the port to them, once the server is at the broker. */
  readonly open: (port: DevicePort) => void;
}

const DOWN = 'fedml0_';
const UP = 'fedml';
const RETRY_MS = 1_000;

export const deviceTopics = {
  down: (device: number): string => `${DOWN}${device}`,
  up: (device: number): string => `${UP}${device}`,
  deviceOf: (topic: string): number => Number(/^fedml(?:0_)?([1-9]\d{0,8})$/.exec(topic)?.[1]),
};

/**
 * The way to devices by a link of its own, or the one in this process.
 * @param told whether the broker tells who listens; else all devices count as there
 * @returns ends it, and what to call with the topics that somebody listens to, or no more
 */
export async function openDevices(
  { numbers, open }: DeviceOptions,
  openLink: (handlers: LinkHandlers) => Promise<BrokerLink>,
  told: boolean,
) {
  const known = new Set(numbers);
  let handlers: DeviceHandlers | undefined;
  let link: BrokerLink | undefined;
  let closed = false;
  const latest = new Map<number, string>();
  const everyone = (say: (device: number) => void): void => {
    if (!told) for (const device of numbers) say(device);
  };

  async function connect(): Promise<void> {
    const opened = await openLink({
      message: (topic, payload) => {
        const device = deviceTopics.deviceOf(topic);
        if (known.has(device)) handlers?.message(device, new TextDecoder().decode(payload));
      },
      lost: () => {
        link = undefined;
        everyone((device) => handlers?.left(device));
        void comeBack();
      },
    });
    await opened.subscribe(numbers.map(deviceTopics.up));
    link = opened;
    everyone((device) => handlers?.came(device));
  }

  async function comeBack(): Promise<void> {
    while (!closed && link === undefined) {
      await sleep(RETRY_MS);
      if (!closed) await connect().catch(() => {});
    }
  }

  /** Until the device listens, as far as the broker tells, or something newer is to be said to it. */
  function publish(device: number, text: string): void {
    link?.publish({ topic: deviceTopics.down(device), payload: new TextEncoder().encode(text) }, (nobodyListens) => {
      if (!nobodyListens) return;
      const again = setTimeout(() => {
        if (!closed && latest.get(device) === text) publish(device, text);
      }, RETRY_MS);
      again.unref();
    });
  }

  await connect();
  open({
    bind: (bound) => {
      handlers = bound;
      everyone((device) => bound.came(device));
    },
    send: (device, text) => {
      latest.set(device, text);
      publish(device, text);
    },
  });
  const of = (topic: string, say: (device: number) => void): void => {
    const device = deviceTopics.deviceOf(topic);
    if (known.has(device) && topic === deviceTopics.down(device)) say(device);
  };
  return {
    listens: (topic: string) => of(topic, (device) => handlers?.came(device)),
    stopped: (topic: string) => of(topic, (device) => handlers?.left(device)),
    close: async () => {
      closed = true;
      await link?.end();
    },
  };
}
