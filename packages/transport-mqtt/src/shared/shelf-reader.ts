import type { BrokerLink } from '../broker/link.js';
import type { Topics } from '../topics.js';

/** Pieces asked for at a time: what a broker queues for one who reads slowly is bounded. */
const PIECES_AT_A_TIME = 16;

interface Wanted {
  readonly name: string;
  readonly bytes: number;
  readonly take: (piece: Uint8Array) => void;
  readonly pieces: number;
  /** All before it were taken. */
  next: number;
  /** All before it were asked for. */
  asked: number;
  /** Those that came before their turn. */
  readonly early: Map<number, Uint8Array>;
}

/** Bodies that a server shares, as a client gets them: it subscribes to pieces at its own pace, and the broker has them. */
export class ShelfReader {
  readonly #link: BrokerLink;
  readonly #topics: Topics;
  readonly #pieceBytes: number;
  readonly #failed: (reason: string) => void;
  readonly #wanted = new Map<string, Wanted>();

  constructor(link: BrokerLink, topics: Topics, pieceBytes: number, failed: (reason: string) => void) {
    this.#link = link;
    this.#topics = topics;
    this.#pieceBytes = pieceBytes;
    this.#failed = failed;
  }

  fetch(name: string, bytes: number, take: (piece: Uint8Array) => void): () => void {
    const pieces = Math.ceil(bytes / this.#pieceBytes);
    const wanted: Wanted = { name, bytes, take, pieces, next: 0, asked: 0, early: new Map() };
    this.#wanted.set(name, wanted);
    this.#ask(wanted);
    return () => {
      if (this.#wanted.get(name) !== wanted) return;
      this.#wanted.delete(name);
      this.#link.unsubscribe(this.#askedTopics(wanted));
    };
  }

  /** @returns whether the topic is one of a shared body's */
  message(topic: string, payload: Uint8Array): boolean {
    const start = this.#topics.shared('', 0).slice(0, -2);
    if (!topic.startsWith(start)) return false;
    const [name = '', number = ''] = topic.slice(start.length).split('/');
    const wanted = this.#wanted.get(name);
    const piece = Number(number);
    // It was taken back, or comes again, or comes too late.
    if (wanted === undefined || payload.length === 0 || piece < wanted.next || wanted.early.has(piece)) return true;
    const due = Math.min(this.#pieceBytes, wanted.bytes - piece * this.#pieceBytes);
    if (piece >= wanted.asked || payload.length !== due) {
      this.#failed(`transport.shared: piece ${piece} of ${name} has ${payload.length} bytes, not ${due}`);
      return true;
    }
    wanted.early.set(piece, new Uint8Array(payload));
    this.#takeInOrder(wanted);
    return true;
  }

  #takeInOrder(wanted: Wanted): void {
    for (let piece = wanted.early.get(wanted.next); piece !== undefined; piece = wanted.early.get(wanted.next)) {
      wanted.early.delete(wanted.next);
      wanted.next += 1;
      const asked = wanted.next === wanted.asked;
      if (asked) this.#link.unsubscribe(this.#askedTopics(wanted));
      if (wanted.next === wanted.pieces) this.#wanted.delete(wanted.name);
      else if (asked) this.#ask(wanted);
      wanted.take(piece);
    }
  }

  #ask(wanted: Wanted): void {
    wanted.asked = Math.min(wanted.pieces, wanted.asked + PIECES_AT_A_TIME);
    this.#link.subscribe(this.#askedTopics(wanted)).catch((error: unknown) => {
      if (this.#wanted.get(wanted.name) === wanted) this.#failed(`transport.shared: ${String(error)}`);
    });
  }

  /** Those of the last batch. */
  #askedTopics({ name, asked }: Wanted): string[] {
    const from = Math.floor((asked - 1) / PIECES_AT_A_TIME) * PIECES_AT_A_TIME;
    return Array.from({ length: asked - from }, (_, place) => this.#topics.shared(name, from + place));
  }
}
