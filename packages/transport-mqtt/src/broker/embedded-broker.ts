import type { AddressInfo, Server, Socket } from 'node:net';
import { FedloomError } from '@fedloom/engine/base';
import { Aedes, type AedesPublishPacket, type AuthenticateError, type Client } from 'aedes';
import type { ServerTls, TlsSource } from 'fedloom';
import type { Topics } from '../topics.js';
import {
  currentTls,
  followTls,
  isUntrusted,
  type OtherEnd,
  otherEndOf,
  serialNumberOf,
  socketServer,
} from './broker-tls.js';
import { LineAccess } from './line-access.js';
import type { BrokerLink, LinkHandlers, Publication } from './link.js';
import { PacketGuard } from './packet-guard.js';

export interface EmbeddedBrokerOptions {
  readonly host: string;
  readonly port: number;
  /** Largest packet that the server sends, and that the broker takes from others, bytes. */
  readonly packetBytesMax: number;
  readonly acceptedBytesMax: number;
  /** Connections open at once. */
  readonly connectionsMax: number;
  /** Of these, from one address. */
  readonly connectionsPerAddressMax: number;
  readonly topics: Topics;
  /** Numbers of devices that speak JSON. */
  readonly devices: readonly number[];
  readonly tls?: ServerTls | TlsSource;
}

/** Who hears of subscriptions. */
export interface SubscriptionWatch {
  listens(topic: string): void;
  stopped(topic: string): void;
}

const KEEP_ALIVE_MS = 15_000;
/** How long those who are connected have to leave by themselves. */
const LEAVE_MS = 2_000;
/** Who takes nothing for so long is cut off: longer than a thread trains. */
const DRAIN_TIMEOUT_MS = 3_600_000;
/** Within which MQTT must have been spoken. */
const CONNECT_TIMEOUT_MS = 10_000;
const IN_FLIGHT_MAX = 256;
/** Of CONNACK. */
const NOT_AUTHORIZED = 5;

/** A broker for MQTT 3.1.1 in this process. Its own end of a line needs no socket. */
export class EmbeddedBroker {
  readonly #aedes: Aedes;
  readonly #server: Server;
  readonly #options: EmbeddedBrokerOptions;
  readonly #access: LineAccess<Client>;
  readonly #ends: WeakMap<object, OtherEnd>;

  /** @throws FedloomError `transport.port-in-use`, `transport.listen`, `transport.tls` */
  static async open(options: EmbeddedBrokerOptions): Promise<EmbeddedBroker> {
    const { topics, devices } = options;
    const tls = currentTls(options.tls);
    const access = new LineAccess<Client>(topics, devices);
    const ends = new WeakMap<object, OtherEnd>();
    const certified = new Map<PacketGuard, string>();
    const untrusted = new WeakSet<object>();
    const aedes = await Aedes.createBroker({
      // One who reads slowly holds up nobody else.
      concurrency: 0,
      drainTimeout: DRAIN_TIMEOUT_MS,
      connectTimeout: CONNECT_TIMEOUT_MS,
      authenticate: (client, _user, _password, done) =>
        untrusted.has(client.conn) ? done(noCertificate(), false) : done(null, true),
      authorizePublish: (client, { topic, retain }, callback) =>
        callback(
          client !== null && access.mayPublish(client, topic) && !retain
            ? null
            : new Error(`nobody may publish at ${topic}`),
        ),
      authorizeSubscribe: (client, subscription, callback) =>
        callback(null, access.maySubscribe(client, subscription.topic) ? subscription : null),
    });
    aedes.on('clientDisconnect', (client) => access.left(client));
    try {
      const server = socketServer(tls, (socket) => {
        socket.setNoDelay(true);
        // A machine that is gone is noticed although nobody has anything to say.
        socket.setKeepAlive(true, KEEP_ALIVE_MS);
        const guard = new PacketGuard(socket, options.acceptedBytesMax);
        ends.set(guard, otherEndOf(socket, tls?.clientCa !== undefined));
        if (tls?.clientCa !== undefined && isUntrusted(socket)) untrusted.add(guard);
        const serialNumber = tls?.clientCa === undefined ? undefined : serialNumberOf(socket);
        if (serialNumber !== undefined) {
          certified.set(guard, serialNumber);
          guard.once('close', () => certified.delete(guard));
        }
        aedes.handle(guard);
      });
      server.maxConnections = options.connectionsMax;
      limitAddresses(server, options.connectionsPerAddressMax);
      await listening(server, options);
      const stop = followTls(options.tls, server, (isRevoked) => {
        for (const [guard, serialNumber] of [...certified]) if (isRevoked(serialNumber)) guard.destroy();
      });
      server.once('close', stop);
      return new EmbeddedBroker(aedes, server, options, access, ends);
    } catch (error) {
      aedes.close();
      throw error;
    }
  }

  private constructor(
    aedes: Aedes,
    server: Server,
    options: EmbeddedBrokerOptions,
    access: LineAccess<Client>,
    ends: WeakMap<object, OtherEnd>,
  ) {
    this.#aedes = aedes;
    this.#server = server;
    this.#options = options;
    this.#access = access;
    this.#ends = ends;
  }

  /** Who has a line; undefined: it is gone. */
  endOf(line: string): OtherEnd | undefined {
    const holder = this.#access.holderOf(line);
    return holder && this.#ends.get(holder.conn);
  }

  get address(): { readonly host: string; readonly port: number } {
    const { address, port } = this.#server.address() as AddressInfo;
    const wildcard = address === '0.0.0.0' || address === '::';
    return { host: wildcard ? '127.0.0.1' : address, port };
  }

  /** Tells of every topic that somebody subscribes to from now on, and when the last who did is gone. */
  watch({ listens, stopped }: SubscriptionWatch): void {
    const counts = new Map<string, number>();
    const change = (topic: string, by: number): void => {
      const count = (counts.get(topic) ?? 0) + by;
      if (count > 0) counts.set(topic, count);
      else counts.delete(topic);
      if (by > 0) listens(topic);
      else if (count === 0) stopped(topic);
    };
    const topicsOf = new WeakMap<object, Set<string>>();
    this.#aedes.on('subscribe', (subscriptions, client) => {
      const own = topicsOf.get(client) ?? new Set();
      topicsOf.set(client, own);
      for (const { topic, qos } of subscriptions) {
        if (Number(qos) > 2 || own.has(topic)) continue;
        own.add(topic);
        change(topic, 1);
      }
    });
    this.#aedes.on('unsubscribe', (topics, client) => {
      for (const topic of topics) if (topicsOf.get(client)?.delete(topic)) change(topic, -1);
    });
    this.#aedes.on('clientDisconnect', (client) => {
      for (const topic of topicsOf.get(client) ?? []) change(topic, -1);
      topicsOf.delete(client);
    });
  }

  link(handlers: LinkHandlers, end = true): BrokerLink {
    const aedes = this.#aedes;
    const deliver = ({ topic, payload }: AedesPublishPacket, done: () => void): void => {
      handlers.message(topic, payload as Buffer);
      done();
    };
    return {
      broker: 'the broker in this process',
      packetBytesMax: this.#options.packetBytesMax,
      inFlightMax: IN_FLIGHT_MAX,
      queuedMax: Number.POSITIVE_INFINITY,
      publish({ topic, payload, retain = false }: Publication, done) {
        const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
        aedes.publish({ cmd: 'publish', topic, payload: bytes, qos: 1, retain, dup: false }, () => done(false));
      },
      async subscribe(topics) {
        await Promise.all(topics.map((topic) => new Promise<void>((done) => aedes.subscribe(topic, deliver, done))));
      },
      unsubscribe(topics) {
        for (const topic of topics) aedes.unsubscribe(topic, deliver, () => {});
      },
      end: async () => {
        if (end) await this.close();
      },
      destroy: () => void this.close(),
    };
  }

  /** Takes nobody in any more; who is connected stays. */
  refuseNew(): void {
    this.#server.close();
  }

  async close(): Promise<void> {
    this.refuseNew();
    // Who is closed upon while it still sends loses what it has not read yet: they are told, and leave by themselves.
    const until = Date.now() + LEAVE_MS;
    while (this.#aedes.connectedClients > 0 && Date.now() < until) await new Promise((done) => setTimeout(done, 10));
    await new Promise<void>((done) => this.#aedes.close(done));
  }
}

/** Nobody fills a broker alone. */
function limitAddresses(server: Server, max: number): void {
  const open = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const { remoteAddress = '' } = socket;
    const count = (open.get(remoteAddress) ?? 0) + 1;
    if (count > max) return void socket.destroy();
    open.set(remoteAddress, count);
    socket.once('close', () => {
      const left = (open.get(remoteAddress) ?? 1) - 1;
      if (left > 0) open.set(remoteAddress, left);
      else open.delete(remoteAddress);
    });
  });
}

function noCertificate(): AuthenticateError {
  const error = new Error('no certificate that is good enough');
  return Object.assign(error, { returnCode: NOT_AUTHORIZED });
}

function listening(server: Server, { host, port }: EmbeddedBrokerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(listenError(cause, host, port)));
    server.listen(port, host, () => {
      server.removeAllListeners('error');
      server.on('error', () => {});
      resolve();
    });
  });
}

function listenError(cause: NodeJS.ErrnoException, host: string, port: number): FedloomError {
  const fields = { host, port };
  if (cause.code === 'EADDRINUSE') {
    const message = `Port ${port} of ${host} is in use. Choose another port, or end the program that holds it.`;
    return new FedloomError('transport.port-in-use', message, fields, { cause });
  }
  const message = `Cannot listen on ${host}:${port}: ${cause.message}. Choose another address or port.`;
  return new FedloomError('transport.listen', message, fields, { cause });
}
