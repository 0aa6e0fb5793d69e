import { FedloomError } from '@fedloom/engine/base';
import type { Listen, ServerTls, TlsSource } from 'fedloom';
import { addressOf, brokerOf, checkPrefix, defaultPrefix, parseAddress } from './address.js';
import { currentTls } from './broker/broker-tls.js';
import { EmbeddedBroker } from './broker/embedded-broker.js';
import type { LinkHandlers } from './broker/link.js';
import { isLoopback } from './broker/loopback.js';
import { openLink } from './broker/open-link.js';
import { type BrokerOptions, brokerDefaults, checkBrokerOptions } from './broker/options.js';
import { type DeviceOptions, openDevices } from './devices.js';
import type { LineOptions } from './line/line.js';
import { LineServer } from './line-server.js';
import { Topics } from './topics.js';
import { tryOut } from './try-out.js';

/** What is common to both ways for a server to be reached over MQTT. */
interface CommonOptions extends LineOptions {
  /** Connections open at once; further ones are refused. Default 16,384. */
  readonly connectionsMax?: number;
  /** Reach beyond this machine although nothing is encrypted, or nobody is asked who they are. */
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
  /** Encrypt, so that the address begins with `mqtts:`, and ask for certificates of clients where `clientCa` is given. */
  readonly tls?: ServerTls | TlsSource;
  /** Connections open at once from one address. Default: half of `connectionsMax`. */
  readonly connectionsPerAddressMax?: number;
  /** Clients must prove who they are, by the `auth` of the server that is given this. */
  readonly identified?: boolean;
}

export interface BrokerListenOptions extends CommonOptions, BrokerOptions {}

const CONNECTIONS_MAX = 16_384;
/** `Connection.binding` of a server that cannot know with which certificate its clients' connections are encrypted. */
const PROXIED = 'proxied';
/** A model as text is some times its size. */
const DEVICE_BYTES_MAX = 64 << 20;

/**
 * Hosts a broker for MQTT 3.1.1 in this process and listens there, as a server's `listeners` take it. With TLS, proofs of who a
 * client is are bound to its certificate, as those over WebSocket are to that of the server.
 * @throws FedloomError `server.insecure`, `transport.options`, `transport.connect` for a prefix that is no topic; when it
 *   listens `transport.port-in-use`, `transport.listen`, `transport.tls`
 */
export function mqttListen(options: MqttListenOptions = {}): Listen {
  checkBrokerOptions(options);
  const { host = '127.0.0.1', port = 0, prefix = defaultPrefix, connectionsMax = CONNECTIONS_MAX } = options;
  const { packetBytesMax = brokerDefaults.packetBytesMax, devices, tls } = options;
  const { connectionsPerAddressMax = Math.ceil(connectionsMax / 2) } = options;
  checkPrefix(prefix, prefix);
  refuseOpenBroker(host, options);
  const topics = new Topics(prefix);
  return async (onConnection) => {
    const acceptedBytesMax = devices === undefined ? packetBytesMax : Math.max(packetBytesMax, DEVICE_BYTES_MAX);
    const broker = await EmbeddedBroker.open({
      host,
      port,
      packetBytesMax,
      acceptedBytesMax,
      connectionsMax,
      connectionsPerAddressMax,
      topics,
      devices: devices?.numbers ?? [],
      ...(tls && { tls }),
    });
    const { host: boundHost, port: boundPort } = broker.address;
    const url = addressOf(boundHost, boundPort, tls !== undefined, prefix);
    const open = async (handlers: LinkHandlers) => broker.link(handlers);
    const endOf = (line: string) => broker.endOf(line);
    const server = new LineServer({ ...options, topics, open, endOf, connectionsMax, onConnection });
    await server.start();
    if (devices !== undefined) {
      broker.watch(await openDevices(devices, async (handlers) => broker.link(handlers, false), true));
    }
    return { url, close: () => server.close() };
  };
}

/**
 * Listens at a broker that is there already: `mqtt://HOST:PORT/PREFIX` or `mqtts://...`. It is a proxy between: proofs of who a
 * client is are bound to the broker's certificate as the client sees it, which this end does not know.
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
      endOf: (line) => ({ peer: `${brokerOf(address)} line ${line.slice(0, 8)}`, binding: PROXIED }),
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

/** As for WebSocket: who can be reached must encrypt, and ask who comes. */
function refuseOpenBroker(host: string, { insecure, tls, identified }: MqttListenOptions): void {
  if (insecure || isLoopback(host)) return;
  if (tls === undefined)
    throw openTo(`would host a broker at ${host}, which other machines can reach, without TLS`, host);
  if (currentTls(tls)?.clientCa !== undefined || identified) return;
  const message =
    `The server would host a broker at ${host}, which other machines can reach, without asking who a client is. Give auth ` +
    '(--token-file) or tls.clientCa (--tls-client-ca), use 127.0.0.1, or say insecure: true (--insecure) on a network you trust.';
  throw new FedloomError('server.insecure', message, { host });
}

function openTo(what: string, host: string): FedloomError {
  return new FedloomError(
    'server.insecure',
    `The server ${what}: nothing is encrypted, and anybody may claim to be a client. ` +
      'Use 127.0.0.1, or TLS (mqtts; for a broker of its own --tls-cert and --tls-key), or say insecure: true (--insecure) on a network you trust.',
    { host },
  );
}
