import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import type { BrokerAddress } from '../address.js';
import { brokerOf } from '../address.js';
import { bindingOf } from './broker-tls.js';
import type { BrokerLink, LinkHandlers, Publication } from './link.js';
import { type BrokerOptions, brokerDefaults } from './options.js';
import { connectTrouble, troubleOf } from './trouble.js';

export interface LinkOptions extends BrokerOptions {
  /** What the broker tells others when this end vanishes. */
  readonly will?: Publication;
}

const KEEP_ALIVE_MS = 15_000;
const END_TIMEOUT_MS = 2_000;
/** Reason code of PUBACK. */
const NOBODY_LISTENS = 16;
/** Brokers that turned MQTT 5 down, by address: they are not asked again. */
const speakOnly4 = new Set<string>();

/**
 * Connects to a broker: MQTT 5, or 3.1.1 where it does not speak that.
 * @throws FedloomError `mqtt.broker`
 */
export async function openLink(
  address: BrokerAddress,
  options: LinkOptions,
  handlers: LinkHandlers,
  signal?: AbortSignal,
): Promise<BrokerLink> {
  const broker = brokerOf(address);
  const version = options.version ?? (speakOnly4.has(broker) ? 4 : 5);
  try {
    return await connect(address, version, options, handlers, signal);
  } catch (error) {
    const trouble = connectTrouble(broker, error, version);
    if (options.version !== undefined || version === 4 || trouble.fields.reason !== 'version') throw trouble;
    speakOnly4.add(broker);
    return openLink(address, options, handlers, signal);
  }
}

function connect(
  address: BrokerAddress,
  version: 4 | 5,
  options: LinkOptions,
  handlers: LinkHandlers,
  signal?: AbortSignal,
): Promise<BrokerLink> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const client = mqtt.connect(clientOptions(address, version, options));
    const settle = (error: unknown, link?: BrokerLink): void => {
      signal?.removeEventListener('abort', abort);
      client.off('error', fail);
      client.off('close', closed);
      if (link !== undefined) return resolve(link);
      // What is destroyed may still complain.
      client.on('error', () => {});
      client.end(true);
      reject(error);
    };
    const abort = (): void => settle(signal?.reason);
    const fail = (error: unknown): void => settle(error);
    const closed = (): void => settle(new Error('it closed the connection'));
    signal?.addEventListener('abort', abort);
    client.once('error', fail);
    client.once('close', closed);
    client.once('connect', ({ properties }) => {
      const link = new MqttLink(client, brokerOf(address), handlers, {
        packetBytesMax: Math.min(
          properties?.maximumPacketSize ?? Number.POSITIVE_INFINITY,
          options.packetBytesMax ?? brokerDefaults.packetBytesMax,
        ),
        inFlightMax: Math.min(properties?.receiveMaximum ?? 65_535, options.inFlightMax ?? brokerDefaults.inFlightMax),
        queuedMax: options.queuedMax ?? brokerDefaults.queuedMax,
      });
      settle(undefined, link);
      link.start();
    });
  });
}

function clientOptions(address: BrokerAddress, version: 4 | 5, options: LinkOptions): IClientOptions {
  const { user, password, ca, certificate, key, will } = options;
  return {
    protocol: address.tls ? 'mqtts' : 'mqtt',
    host: address.host,
    port: address.port,
    clientId: `fedloom${randomBytes(8).toString('hex')}`,
    protocolVersion: version,
    clean: true,
    reconnectPeriod: 0,
    resubscribe: false,
    connectTimeout: options.connectTimeoutMs ?? brokerDefaults.connectTimeoutMs,
    keepalive: options.keepAliveSeconds ?? brokerDefaults.keepAliveSeconds,
    ...(will && {
      will: { topic: will.topic, payload: Buffer.from(will.payload), qos: 1 as const, retain: will.retain ?? false },
    }),
    ...(user !== undefined && { username: user }),
    ...(password !== undefined && { password }),
    ...(ca !== undefined && { ca }),
    ...(certificate !== undefined && { cert: certificate }),
    ...(key !== undefined && { key }),
  };
}

/**
 * The payload as MQTT.js takes it. MQTT.js keeps a copy of what it publishes until the broker's word has come, for connections
 * that it would mend. These are never mended: what it copies (`Buffer.from`) is made to be the same memory again.
 */
function unchanging({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Object.defineProperty(Buffer.from(buffer, byteOffset, byteLength), 'valueOf', { value: () => buffer });
}

interface LinkLimits {
  readonly packetBytesMax: number;
  readonly inFlightMax: number;
  readonly queuedMax: number;
}

class MqttLink implements BrokerLink {
  readonly binding?: string;
  readonly packetBytesMax: number;
  readonly inFlightMax: number;
  readonly queuedMax: number;
  #over = false;
  #why: string | undefined;
  /** Numbers of publications to which nobody listens. */
  readonly #unheard = new Set<number>();

  constructor(
    private readonly client: MqttClient,
    readonly broker: string,
    private readonly handlers: LinkHandlers,
    limits: LinkLimits,
  ) {
    this.packetBytesMax = limits.packetBytesMax;
    this.inFlightMax = limits.inFlightMax;
    this.queuedMax = limits.queuedMax;
    const socket: unknown = client.stream;
    const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
    if (certificate !== undefined) this.binding = bindingOf(certificate);
  }

  /** Before anything can come. */
  start(): void {
    const { client } = this;
    const socket = client.stream as unknown as Socket;
    socket.setNoDelay(true);
    // A machine that is gone is noticed although nobody has anything to say.
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    client.on('error', (error) => {
      this.#why ??= error.message;
    });
    client.on('disconnect', ({ reasonCode }) => {
      this.#why ??= `the broker ended it with reason code ${reasonCode ?? 0}`;
    });
    client.on('close', () => this.#lost(this.#why ?? 'the connection to the broker broke'));
    client.on('packetreceive', (packet) => {
      if (packet.cmd === 'puback' && packet.reasonCode === NOBODY_LISTENS) this.#unheard.add(packet.messageId ?? 0);
    });
    client.on('message', (topic, payload) => this.handlers.message(topic, payload));
  }

  publish({ topic, payload, retain = false }: Publication, done: (nobodyListens: boolean) => void): void {
    if (this.#over) return void queueMicrotask(() => done(false));
    this.client.publish(topic, unchanging(payload), { qos: 1, retain }, (error) => {
      if (error && !this.#over) {
        this.#why ??= `it does not take what is published at ${topic}: ${error.message}`;
        this.destroy();
      }
      done(this.#unheard.delete(number));
    });
    const number = this.client.getLastMessageId();
  }

  async subscribe(topics: readonly string[]): Promise<void> {
    const granted = await this.client.subscribeAsync([...topics], { qos: 1 }).catch((error: Error) => error);
    const refused =
      granted instanceof Error ? topics : granted.filter(({ qos }) => qos >= 128).map(({ topic }) => topic);
    if (refused.length > 0) {
      const what = `refused the topic ${refused.join(', ')}. Check what it lets this user do.`;
      throw troubleOf(this.broker, 'topic', what, granted instanceof Error ? granted : undefined);
    }
  }

  unsubscribe(topics: readonly string[]): void {
    if (!this.#over) this.client.unsubscribe([...topics], () => {});
  }

  async end(): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    const timer = setTimeout(() => this.client.end(true), END_TIMEOUT_MS);
    await this.client.endAsync().catch(() => {});
    clearTimeout(timer);
  }

  destroy(): void {
    this.client.stream.destroy();
  }

  #lost(why: string): void {
    if (this.#over) return;
    this.#over = true;
    this.client.end(true);
    this.handlers.lost(`transport.lost: ${why}`);
  }
}
