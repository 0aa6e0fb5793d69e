import { FedloomError } from '@fedloom/engine/base';

/** How to get along with a broker. */
export interface BrokerOptions {
  readonly user?: string;
  readonly password?: string;
  /** Certificates, PEM: whom to trust in place of the system's authorities; and this end's own, with its key. */
  readonly ca?: string;
  readonly certificate?: string;
  readonly key?: string;
  /** Protocol version: 5 and, where the broker does not speak it, 4 (that is 3.1.1). Default: both are tried. */
  readonly version?: 4 | 5;
  /**
   * Largest packet to send, bytes with header and topic. A broker of MQTT 5 that takes less says so and is heeded. Default
   * 245,760, which passes brokers that take 256 kB.
   */
  readonly packetBytesMax?: number;
  /** Publications that wait for the broker's word at a time; a broker of MQTT 5 may ask for fewer. Default 32. */
  readonly inFlightMax?: number;
  /** Publications that the broker keeps for one who is slow (mosquitto: `max_queued_messages`). Default 1,000. */
  readonly queuedMax?: number;
  /** How long broker and client may hear nothing of each other, seconds; 0: for ever. Default 300. */
  readonly keepAliveSeconds?: number;
  /** For connection and handshake together; default 10 s. */
  readonly connectTimeoutMs?: number;
}

export const brokerDefaults = {
  packetBytesMax: 240 << 10,
  inFlightMax: 32,
  queuedMax: 1_000,
  keepAliveSeconds: 300,
  connectTimeoutMs: 10_000,
} as const;

const RANGES: Readonly<Record<string, readonly [number, number]>> = {
  packetBytesMax: [1024, 2 ** 28],
  inFlightMax: [1, 65_535],
  queuedMax: [1, 2 ** 31],
  keepAliveSeconds: [0, 65_535],
  connectTimeoutMs: [1, 2 ** 31 - 1],
  pingEveryMs: [1, 2 ** 31 - 1],
  deadAfterMs: [1, 2 ** 31 - 1],
};

/** @throws FedloomError `transport.options` for a number out of its range */
export function checkBrokerOptions(options: object): void {
  for (const [option, value] of Object.entries(options)) {
    const range = RANGES[option];
    if (range === undefined || value === undefined) continue;
    const [min, max] = range;
    if (typeof value === 'number' && value >= min && value <= max) continue;
    throw new FedloomError('transport.options', `${option} must be ${min} to ${max}; got ${value}.`, { option, value });
  }
}
