import { FedloomError } from '@fedloom/engine/base';
import type { Listen } from 'fedloom';
import { addressOf, checkPrefix, defaultPrefix, parseAddress } from './address.js';
import { EmbeddedBroker } from './broker/embedded-broker.js';
import type { LinkHandlers } from './broker/link.js';
import { isLoopback } from './broker/loopback.js';
import { openLink } from './broker/open-link.js';
import { type BrokerOptions, brokerDefaults, checkBrokerOptions } from './broker/options.js';

import { type DeviceOptions, deviceTopics, openDevices } from './devices.js';
import type { LineOptions } from './line/line.js';
import { LineServer } from './line-server.js';
import { linePattern, Topics } from './topics.js';
import { tryOut } from './try-out.js';

/** What is common to both ways for a server to be reached over MQTT. */
interface CommonOptions extends LineOptions {
  /** Connections open at once; further ones are refused. Default 16,384. */
  readonly connectionsMax?: number;
  /** Reach beyond this machine although nothing is encrypted. */
  readonly insecure?: boolean;
  /** Devices that take part by JSON, beside clients. */
  readonly devices?: DeviceOptions;
}

export interface MqttListenOptions extends CommonOptions {
  /** Default `127.0.0.1`. */
  readonly host?: string;
  /** Default 0: a free one. */
  readonly port?: number;
  /** What the topics begin with; default `fedloom`. */
  readonly prefix?: string;
  /** Largest packet to send and to take, bytes. Default 245,760; where there are devices, packets of 64 MiB are taken. */
  readonly packetBytesMax?: number;
}

export interface BrokerListenOptions extends CommonOptions, BrokerOptions {}

const CONNECTIONS_MAX = 16_384;
/** A model as text is some times its size. */
const DEVICE_BYTES_MAX = 64 << 20;

/**
 * Hosts a broker for MQTT 3.1.1 in this process and listens there, as a server's `listeners` take it.
 * @throws FedloomError `server.insecure`, `transport.options`, `transport.connect` for a prefix that is no topic; when it
 *   listens `transport.port-in-use`, `transport.listen`
 */
export function mqttListen(options: MqttListenOptions = {}): Listen {
  checkBrokerOptions(options);
  const { host = '127.0.0.1', port = 0, prefix = defaultPrefix, connectionsMax = CONNECTIONS_MAX, insecure } = options;
  const { packetBytesMax = brokerDefaults.packetBytesMax, devices } = options;
  checkPrefix(prefix, prefix);
  if (!insecure && !isLoopback(host))
    throw openTo(`would host a broker at ${host}, which other machines can reach`, host);
  const topics = new Topics(prefix);
  return async (onConnection) => {
    const access = accessTo(topics, devices?.numbers ?? []);
    const acceptedBytesMax = devices === undefined ? packetBytesMax : Math.max(packetBytesMax, DEVICE_BYTES_MAX);
    const broker = await EmbeddedBroker.open({
      host,
      port,
      packetBytesMax,
      acceptedBytesMax,
      connectionsMax,
      ...access,
    });
    const { host: boundHost, port: boundPort } = broker.address;
    const url = addressOf(boundHost, boundPort, false, prefix);
    const open = async (handlers: LinkHandlers) => broker.link(handlers);
    const server = new LineServer({ ...options, topics, open, connectionsMax, onConnection });
    await server.start();
    if (devices !== undefined) {
      broker.watch(await openDevices(devices, async (handlers) => broker.link(handlers, false), true));
    }
    return { url, close: () => server.close() };
  };
}

/**
 * Listens at a broker that is there already: `mqtt://HOST:PORT/PREFIX` or `mqtts://...`.
 * @throws FedloomError `server.insecure`, `transport.options`, `transport.connect` for an address that is none; when it listens
 *   `mqtt.broker`, `mqtt.prefix-taken`
 */
export function brokerListen(url: string, options: BrokerListenOptions = {}): Listen {
  checkBrokerOptions(options);
  const address = parseAddress(url);
  const { host, port, tls, prefix } = address;
  if (!options.insecure && !tls && !isLoopback(host)) throw openTo(`would use the broker at ${host} without TLS`, host);
  const topics = new Topics(prefix);
  return async (onConnection) => {
    const server = new LineServer({
      ...options,
      topics,
      open: (handlers, will) => openLink(address, { ...options, will }, handlers),
      tryOut: async (link) => tryOut(address, link, options, topics),
      connectionsMax: options.connectionsMax ?? CONNECTIONS_MAX,
      onConnection,
    });
    await server.start();
    const listener = { url: addressOf(host, port, tls, prefix), close: () => server.close() };
    if (options.devices === undefined) return listener;
    const open = (handlers: LinkHandlers) => openLink(address, options, handlers);
    const devices = await openDevices(options.devices, open, false).catch(async (error: unknown) => {
      await server.close();
      throw error;
    });
    return { ...listener, close: async () => void (await Promise.all([server.close(), devices.close()])) };
  };
}

/** Clients may write to a line and read from it if they know its name, and read what is for all: nothing by wildcards. */
function accessTo(topics: Topics, devices: readonly number[]) {
  const isOf = (start: string, topic: string): boolean =>
    topic.startsWith(start) && linePattern.test(topic.slice(start.length));
  const [up, down] = [new Set(devices.map(deviceTopics.up)), new Set(devices.map(deviceTopics.down))];
  const shared = topics.shared('', 0).slice(0, -2);
  return {
    mayPublish: (topic: string) => isOf(topics.up(''), topic) || up.has(topic),
    maySubscribe: (topic: string) =>
      topic === topics.server ||
      down.has(topic) ||
      isOf(topics.down(''), topic) ||
      (topic.startsWith(shared) && !/[+#]/.test(topic)),
  };
}

function openTo(what: string, host: string): FedloomError {
  return new FedloomError(
    'server.insecure',
    `The server ${what}: nothing is encrypted, and anybody may claim to be a client. ` +
      'Use 127.0.0.1 or mqtts, or say insecure: true (--insecure) on a network you trust.',
    { host },
  );
}
