import { soon } from '../../core/soon.js';
import type { Connection, ConnectionHandlers } from '../../protocol/transport.js';

/** Frames of one batch, so that one busy connection leaves the others their turn. */
const batchFramesMax = 64;

/** One end of a connection within a process; it holds what the other end sent and this one has not delivered yet. */
export class MemoryPipe implements Connection {
  readonly peer = 'memory';
  /** Within a process silence means nothing. */
  patient = false;
  readonly #bufferedBytesMax: number;
  #other!: MemoryPipe;
  #handlers: ConnectionHandlers | undefined;
  #inbox: Uint8Array[] = [];
  #inboxBytes = 0;
  /** Set when the connection is over for this end: the reason to report once the inbox is empty. */
  #ending: string | undefined;
  #ended = false;
  #scheduled = false;
  /** The other end was told to wait. */
  #owesDrained = false;
  #closing = false;

  static pair(bufferedBytesMax: number): [MemoryPipe, MemoryPipe] {
    const [one, two] = [new MemoryPipe(bufferedBytesMax), new MemoryPipe(bufferedBytesMax)];
    one.#other = two;
    two.#other = one;
    return [one, two];
  }

  private constructor(bufferedBytesMax: number) {
    this.#bufferedBytesMax = bufferedBytesMax;
  }

  get bufferedBytes(): number {
    return this.#other.#inboxBytes;
  }

  bind(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
    this.#schedule();
  }

  send(frame: Uint8Array): boolean {
    const other = this.#other;
    if (this.#closing || other.#closing || other.#ended) return true;
    other.#inbox.push(frame);
    other.#inboxBytes += frame.length;
    other.#schedule();
    if (other.#inboxBytes < this.#bufferedBytesMax) return true;
    other.#owesDrained = true;
    return false;
  }

  close(reason = 'closed'): void {
    if (this.#closing) return;
    this.#closing = true;
    // What this end sent still arrives, then the other end learns of the close; this end takes nothing more.
    this.#other.#finish(reason);
    this.#drop();
    this.#finish(reason);
  }

  #finish(reason: string): void {
    this.#ending ??= reason;
    this.#schedule();
  }

  #drop(): void {
    this.#inbox = [];
    this.#inboxBytes = 0;
  }

  #schedule(): void {
    if (this.#scheduled || this.#ended || this.#handlers === undefined) return;
    this.#scheduled = true;
    soon(() => this.#deliver());
  }

  #deliver(): void {
    this.#scheduled = false;
    const handlers = this.#handlers;
    if (handlers === undefined || this.#ended) return;
    const batch = this.#inbox.splice(0, batchFramesMax);
    for (const frame of batch) {
      if (this.#closing) break;
      this.#inboxBytes -= frame.length;
      handlers.frame(frame);
    }
    if (this.#owesDrained && this.#inboxBytes < this.#bufferedBytesMax / 2) {
      this.#owesDrained = false;
      this.#other.#drained();
    }
    if (this.#inbox.length > 0) this.#schedule();
    else if (this.#ending !== undefined) this.#end(this.#ending);
  }

  #drained(): void {
    if (!this.#closing && !this.#ended) this.#handlers?.drained();
  }

  #end(reason: string): void {
    this.#closing = true;
    this.#ended = true;
    this.#handlers?.closed(reason);
  }
}
