import type { Outgoing, PacketSource, Publisher } from '../line/publisher.js';
import type { Topics } from '../topics.js';

/** Bodies that nobody waits for and that are kept all the same, for who comes late. */
const IDLE_MAX = 2;

interface Shared {
  readonly name: string;
  readonly pieces: number;
  /** Ends of lines that have not got it yet. */
  waiting: number;
  stored: boolean;
  readonly whenStored: (() => void)[];
}

/**
 * What a server shares: each body is published once, in pieces that the broker retains, whoever asks for it how often. One
 * that nobody waits for is taken back when others have come after it.
 */
export class SharedShelf {
  readonly #publisher: Publisher;
  readonly #topics: Topics;
  readonly #pieceBytes: number;
  /** In the order in which they were last asked for. */
  readonly #bodies = new Map<string, Shared>();

  constructor(publisher: Publisher, topics: Topics, pieceBytes: number) {
    this.#publisher = publisher;
    this.#topics = topics;
    this.#pieceBytes = pieceBytes;
  }

  /**
   * @param ready called once the broker has all of it
   * @returns to be called when the other end has it, or will not need it
   */
  offer(name: string, body: Uint8Array, ready: () => void): () => void {
    const shared = this.#bodies.get(name) ?? this.#publish(name, body);
    this.#bodies.delete(name);
    this.#bodies.set(name, shared);
    shared.waiting += 1;
    if (shared.stored) queueMicrotask(ready);
    else shared.whenStored.push(ready);
    let released = false;
    return () => {
      if (released) return;
      released = true;
      shared.waiting -= 1;
      this.#tidy(IDLE_MAX);
    };
  }

  /** Takes everything back. */
  clear(): void {
    this.#tidy(0);
  }

  #publish(name: string, body: Uint8Array): Shared {
    const pieces = Math.ceil(body.length / this.#pieceBytes);
    const shared: Shared = { name, pieces, waiting: 0, stored: false, whenStored: [] };
    let piece = 0;
    let left = pieces;
    const done = (): void => {
      if (--left > 0) return;
      shared.stored = true;
      for (const ready of shared.whenStored.splice(0)) ready();
    };
    const source: PacketSource = {
      next: (): Outgoing | undefined => {
        if (piece === pieces) return undefined;
        const from = piece * this.#pieceBytes;
        const topic = this.#topics.shared(name, piece++);
        // A copy: the broker in this process keeps it after whoever owns the body has given its memory back.
        return { topic, payload: body.slice(from, from + this.#pieceBytes), retain: true, done };
      },
    };
    this.#publisher.ready(source);
    return shared;
  }

  #tidy(idleMax: number): void {
    const idle = [...this.#bodies.values()].filter(({ waiting, stored }) => waiting <= 0 && stored);
    for (const { name, pieces } of idle.slice(0, Math.max(0, idle.length - idleMax))) {
      this.#bodies.delete(name);
      // An empty message takes a retained one's place, and is not kept itself.
      for (let piece = 0; piece < pieces; piece++) {
        this.#publisher.urgent({ topic: this.#topics.shared(name, piece), payload: EMPTY, retain: true });
      }
    }
  }
}

const EMPTY = new Uint8Array(0);
