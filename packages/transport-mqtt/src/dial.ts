import { randomBytes } from 'node:crypto';
import { FedloomError } from '@fedloom/engine/base';
import type { Connection, ConnectReason, Dial } from 'fedloom';
import { type BrokerAddress, brokerOf, parseAddress } from './address.js';
import type { BrokerLink } from './broker/link.js';
import { openLink } from './broker/open-link.js';
import { type BrokerOptions, brokerDefaults, checkBrokerOptions } from './broker/options.js';
import { connectTrouble } from './broker/trouble.js';
import { Line, type LineOptions } from './line/line.js';
import { decodePacket, encodePacket, type LineSettings, payloadBytes } from './line/packets.js';
import { Publisher } from './line/publisher.js';
import { decodePresence } from './presence.js';
import { ShelfReader } from './shared/shelf-reader.js';
import { Topics } from './topics.js';

export interface MqttDialOptions extends LineOptions, BrokerOptions {}

/** Data packets that the server may send ahead. */
const CREDIT = 32;
/** How long the broker has to tell of a server that is there. */
const PRESENCE_MS = 1_000;

/**
 * MQTT as a client's `dial` takes it, for addresses `mqtt://HOST:PORT/PREFIX` and `mqtts://...`.
 * @throws FedloomError `transport.options`; when it dials `transport.connect`
 */
export function mqttDial(options: MqttDialOptions = {}): Dial {
  checkBrokerOptions(options);
  return (url, { signal } = {}) => new Dialling(parseAddress(url), options).connect(signal);
}

/** One attempt to open a line, and the line afterwards. */
class Dialling {
  readonly #address: BrokerAddress;
  readonly #options: MqttDialOptions;
  readonly #topics: Topics;
  readonly #name = randomBytes(16).toString('hex');
  #server: string | undefined;
  #line: Line | undefined;
  #shelf: ShelfReader | undefined;
  #onPresence: (server: string) => void = () => {};
  /** Makes the line of the server's answer, at once: what the server says next may follow in the same breath. */
  #onAnswer: (settings: LineSettings) => void = () => {};
  #onFailure: (error: unknown) => void = () => {};

  constructor(address: BrokerAddress, options: MqttDialOptions) {
    this.#address = address;
    this.#options = options;
    this.#topics = new Topics(address.prefix);
  }

  async connect(signal: AbortSignal | undefined): Promise<Connection> {
    const failed = new Promise<never>((_resolve, reject) => {
      this.#onFailure = reject;
    });
    failed.catch(() => {});
    const abort = () =>
      this.#onFailure(this.#error('cancelled', `Connecting to ${this.#address.url} was cancelled.`, signal?.reason));
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort);
    let link: BrokerLink | undefined;
    const opening = this.#openLink(signal);
    try {
      link = await Promise.race([opening, failed]);
      return await Promise.race([this.#openLine(link), failed]);
    } catch (error) {
      link?.destroy();
      // One that opens after all is not wanted.
      if (link === undefined) opening.then((late) => late.end()).catch(() => {});
      throw error;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  async #openLink(signal: AbortSignal | undefined): Promise<BrokerLink> {
    const will = { topic: this.#topics.up(this.#name), payload: encodePacket({ kind: 'lost' }) };
    const handlers = {
      message: (topic: string, payload: Uint8Array) => this.#message(topic, payload),
      lost: (reason: string) => this.#lost(reason),
    };
    try {
      return await openLink(this.#address, { ...this.#options, will }, handlers, signal);
    } catch (error) {
      throw this.#brokerError(error);
    }
  }

  async #openLine(link: BrokerLink): Promise<Connection> {
    const topics = this.#topics;
    const { url } = this.#address;
    const present = new Promise<string>((resolve) => {
      this.#onPresence = resolve;
    });
    const timers: NodeJS.Timeout[] = [];
    const fail = (ms: number, reason: ConnectReason, message: string) =>
      timers.push(setTimeout(() => this.#onFailure(this.#error(reason, message)), ms));
    try {
      await link.subscribe([topics.server, topics.down(this.#name)]).catch((error: unknown) => {
        throw this.#brokerError(error);
      });
      fail(
        PRESENCE_MS,
        'refused',
        `There is no server at ${url} yet: nobody serves there at the broker. Start it, or check the address.`,
      );
      this.#server = await present;
      clearTimeout(timers.pop());
      const publisher = new Publisher(link);
      const topic = topics.up(this.#name);
      const answered = new Promise<Line>((resolve) => {
        this.#onAnswer = (settings) => resolve(this.#lineOver(link, publisher, topic, settings));
      });
      const settings = { version: 1, credit: CREDIT, packetBytesMax: link.packetBytesMax, shared: true } as const;
      publisher.urgent({ topic, payload: encodePacket({ kind: 'open', settings }) });
      const waitMs = this.#options.connectTimeoutMs ?? brokerDefaults.connectTimeoutMs;
      fail(waitMs, 'timeout', `The server at ${url} did not answer in time.`);
      return await answered;
    } finally {
      for (const timer of timers) clearTimeout(timer);
    }
  }

  #lineOver(link: BrokerLink, publisher: Publisher, topic: string, answer: LineSettings): Line {
    const { packetBytesMax, credit, pieceBytes } = answer;
    const broken = (reason: string) => this.#line?.break(reason);
    const shelf = pieceBytes === undefined ? undefined : new ShelfReader(link, this.#topics, pieceBytes, broken);
    const line = new Line(
      {
        peer: `${link.broker}/${this.#topics.prefix}`,
        ...(link.binding !== undefined && { binding: link.binding }),
        publisher,
        topic,
        payloadBytesMax: payloadBytes(Math.min(link.packetBytesMax, packetBytesMax), topic),
        creditAtFirst: credit,
        granted: CREDIT,
        creditNow: () => CREDIT,
        ended: () => void link.end(),
        ...(shelf && { fetch: (name, bytes, take) => shelf.fetch(name, bytes, take) }),
      },
      this.#options,
    );
    this.#line = line;
    this.#shelf = shelf;
    return line;
  }

  #message(topic: string, payload: Uint8Array): void {
    if (topic === this.#topics.server) return this.#presence(payload);
    if (topic !== this.#topics.down(this.#name)) return void this.#shelf?.message(topic, payload);
    const packet = decodePacket(payload);
    if (packet === undefined) return this.#lost('transport.packet: what came is no packet of a line');
    if (this.#line !== undefined) return this.#line.receive(packet);
    if (packet.kind === 'accept') this.#onAnswer(packet.settings);
    if (packet.kind === 'refuse') {
      this.#onFailure(this.#error('refused', `The server at ${this.#address.url} refused: ${packet.reason}.`));
    }
  }

  #presence(payload: Uint8Array): void {
    const presence = decodePresence(payload);
    if (presence?.state === 'open' && this.#server === undefined) return this.#onPresence(presence.server);
    if (presence === undefined || presence.state === 'closed' || this.#server === undefined) return;
    const isOther = presence.server !== this.#server;
    if (presence.state === 'lost' && !isOther) this.#lost('transport.lost: the server is gone from the broker');
    if (presence.state === 'open' && isOther) this.#lost('transport.lost: another server has taken its place');
  }

  #lost(reason: string): void {
    if (this.#line !== undefined) return this.#line.break(reason);
    this.#onFailure(this.#error('network', `Connecting to ${this.#address.url} failed: ${reason}.`));
  }

  /** As those who dial know it: whether it may pass. */
  #brokerError(error: unknown): FedloomError {
    const trouble = connectTrouble(brokerOf(this.#address), error, 4);
    const known: Readonly<Record<string, ConnectReason>> = {
      refused: 'refused',
      'unknown-host': 'unknown-host',
      timeout: 'timeout',
      cancelled: 'cancelled',
      network: 'network',
      certificate: 'certificate',
      tls: 'tls',
    };
    return this.#error(known[trouble.fields.reason] ?? 'rejected', trouble.message, trouble);
  }

  #error(reason: ConnectReason, message: string, cause?: unknown): FedloomError {
    return new FedloomError('transport.connect', message, { url: this.#address.url, reason }, { cause });
  }
}
