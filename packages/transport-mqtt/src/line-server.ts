import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from 'fedloom';
import type { OtherEnd } from './broker/broker-tls.js';
import type { BrokerLink, LinkHandlers, Publication } from './broker/link.js';
import { Line, type LineOptions } from './line/line.js';
import { decodePacket, encodePacket, type LineSettings, payloadBytes } from './line/packets.js';
import { Publisher } from './line/publisher.js';
import { encodePresence, type Presence } from './presence.js';
import { SharedShelf } from './shared/shelf.js';
import type { Topics } from './topics.js';

/** Opens a link whose end, if it comes without good-bye, the broker tells as `will`. */
export type OpenServerLink = (handlers: LinkHandlers, will: Publication) => Promise<BrokerLink>;

export interface LineServerOptions extends LineOptions {
  readonly topics: Topics;
  readonly open: OpenServerLink;
  /** Done with a link before anybody is let in: whether the broker lets through what is to be sent. */
  readonly tryOut?: (link: BrokerLink) => Promise<void>;
  /** Who has a line; undefined: whoever had it is gone. */
  readonly endOf: (line: string) => OtherEnd | undefined;
  readonly connectionsMax: number;
  readonly onConnection: (connection: Connection) => void;
}

/** Data packets that a line may send ahead, where there are few lines. */
const CREDIT_MAX = 32;
/** Of what a broker keeps for one who is slow, so much may be filled with data: the rest is for everything else. */
const QUEUE_SHARE = 0.8;
const RETRY_FIRST_MS = 100;
const RETRY_LAST_MS = 2_000;

/** One time that the server is at the broker: lines, what is shared, and the name under which clients know it. */
interface Stay {
  readonly id: string;
  readonly link: BrokerLink;
  readonly publisher: Publisher;
  readonly shelf: SharedShelf;
  readonly pieceBytes: number;
}

/** The server's end of all lines at a broker. When the broker was gone, it comes back, and clients open their lines anew. */
export class LineServer {
  readonly #options: LineServerOptions;
  readonly #lines = new Map<string, Line>();
  #stay: Stay | undefined;
  #closed = false;
  #leaving = false;

  constructor(options: LineServerOptions) {
    this.#options = options;
  }

  /** @throws FedloomError `mqtt.broker`, `transport.*` */
  async start(): Promise<void> {
    await this.#connect(true);
  }

  /** Takes nobody in any more; lines stay, and when the last is over, the server leaves the broker. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#tell('closed');
    this.#leaveIfEmpty();
  }

  async #connect(first: boolean): Promise<void> {
    const { topics, open, tryOut } = this.#options;
    const id = randomBytes(8).toString('hex');
    let stay: Stay | undefined;
    const handlers: LinkHandlers = {
      message: (topic, payload) => this.#message(topic, payload),
      lost: (reason) => {
        if (stay !== undefined && this.#stay === stay) this.#lost(reason);
      },
    };
    const link = await open(handlers, { topic: topics.server, payload: presence(id, 'lost'), retain: true });
    try {
      if (first) await tryOut?.(link);
      const publisher = new Publisher(link);
      const pieceBytes = payloadBytes(link.packetBytesMax, topics.shared('x'.repeat(71), 999_999));
      stay = { id, link, publisher, pieceBytes, shelf: new SharedShelf(publisher, topics, pieceBytes) };
      this.#stay = stay;
      await link.subscribe([topics.everyUp]);
      this.#tell(this.#closed ? 'closed' : 'open');
    } catch (error) {
      this.#stay = undefined;
      await link.end();
      throw error;
    }
  }

  #lost(reason: string): void {
    this.#stay = undefined;
    for (const line of [...this.#lines.values()]) line.break(reason);
    if (!this.#closed) void this.#comeBack();
  }

  async #comeBack(): Promise<void> {
    for (let pauseMs = RETRY_FIRST_MS; !this.#closed; pauseMs = Math.min(RETRY_LAST_MS, 2 * pauseMs)) {
      await sleep(pauseMs, undefined, { ref: true });
      if (this.#closed) return;
      const back = await this.#connect(false).then(
        () => true,
        () => false,
      );
      if (back) return;
    }
  }

  #tell(state: Presence['state']): void {
    const stay = this.#stay;
    if (stay === undefined) return;
    stay.publisher.urgent({ topic: this.#options.topics.server, payload: presence(stay.id, state), retain: true });
  }

  #message(topic: string, payload: Uint8Array): void {
    const stay = this.#stay;
    const name = this.#options.topics.lineOf(topic);
    if (stay === undefined || name === undefined) return;
    const packet = decodePacket(payload);
    const line = this.#lines.get(name);
    if (line !== undefined) {
      if (packet === undefined) line.break('transport.packet: what came is no packet of a line');
      else line.receive(packet);
    } else if (packet?.kind === 'open') {
      this.#open(stay, name, packet.settings);
    } else if (packet?.kind === 'data' || packet?.kind === 'ping') {
      // Of a line that is over here: its client has not noticed.
      const payload = encodePacket({
        kind: 'close',
        sent: 0,
        reason: 'transport.lost: the server does not know this line',
      });
      stay.publisher.urgent({ topic: this.#options.topics.down(name), payload });
    }
  }

  #open(stay: Stay, name: string, settings: LineSettings): void {
    const { topics, connectionsMax, onConnection, endOf } = this.#options;
    const { publisher, link, shelf, pieceBytes, id } = stay;
    const topic = topics.down(name);
    const end = endOf(name);
    if (end === undefined) return;
    const refusal = this.#closed
      ? 'transport.closed: the server takes nobody in any more'
      : this.#lines.size >= connectionsMax
        ? 'transport.full: too many connections are open'
        : undefined;
    if (refusal !== undefined) {
      return publisher.urgent({ topic, payload: encodePacket({ kind: 'refuse', reason: refusal }) });
    }
    const granted = this.#credit(link, this.#lines.size + 1);
    const line = new Line(
      {
        ...end,
        publisher,
        topic,
        payloadBytesMax: payloadBytes(Math.min(link.packetBytesMax, settings.packetBytesMax), topic),
        creditAtFirst: settings.credit,
        granted,
        creditNow: () => this.#credit(link, this.#lines.size),
        ended: () => {
          this.#lines.delete(name);
          this.#leaveIfEmpty();
        },
        ...(settings.shared && { share: (key, body, ready) => shelf.offer(key, body, ready) }),
      },
      this.#options,
    );
    this.#lines.set(name, line);
    const accepted = {
      version: 1,
      credit: granted,
      packetBytesMax: link.packetBytesMax,
      server: id,
      pieceBytes,
    } as const;
    publisher.urgent({ topic, payload: encodePacket({ kind: 'accept', settings: accepted }) });
    onConnection(line);
  }

  /** All lines together send no more ahead than the broker keeps for this end. */
  #credit({ queuedMax }: BrokerLink, lines: number): number {
    return Math.max(1, Math.min(CREDIT_MAX, Math.floor((queuedMax * QUEUE_SHARE) / Math.max(1, lines))));
  }

  #leaveIfEmpty(): void {
    const stay = this.#stay;
    if (!this.#closed || this.#leaving || this.#lines.size > 0 || stay === undefined) return;
    this.#leaving = true;
    stay.shelf.clear();
    const { server } = this.#options.topics;
    // The last of what is sent: all before it has left when it has.
    const done = (): void => void stay.link.end();
    stay.publisher.urgent({ topic: server, payload: new Uint8Array(0), retain: true, done });
  }
}

function presence(server: string, state: Presence['state']): Uint8Array {
  return encodePresence({ version: 1, server, state });
}
