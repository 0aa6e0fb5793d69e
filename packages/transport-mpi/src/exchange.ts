import { type Addon, type AddonWorld, ARENA_BYTES, EVENT, EVENTS_MAX, NUMBERS_PER_EVENT } from './addon/addon.js';
import type { TransportLibrary } from './library.js';

/** Takes a message; its memory is the taker's. */
export type TakeMessage = (source: number, tag: number, bytes: Uint8Array) => void;

/** One poll waits for so long at most: nothing else of this thread runs meanwhile. */
const SPIN_MICROSECONDS = 20;
/** So long polls follow one another before timers and sockets have their turn. */
const TURN_MS = 0.2;
/** How long to go on polling when nothing came, before the watcher takes over: between these, by how long it took lately. */
const PATIENCE_MS = { least: 0.02, most: 0.5 };

interface Source {
  /** Messages in the order in which they were sent; those before one that is not whole have been taken. */
  readonly waiting: { readonly tag: number; readonly bytes: Uint8Array; whole: boolean }[];
}

/**
 * Messages between this rank and the others. While there is traffic it polls, so that an answer is there within
 * microseconds; when there is none it leaves that to the addon's watcher, which takes next to no processor time.
 */
export class Exchange {
  readonly world: AddonWorld;
  readonly #addon: Addon;
  readonly #library: TransportLibrary;
  readonly #take: TakeMessage;
  readonly #events = new Float64Array(EVENTS_MAX * NUMBERS_PER_EVENT);
  readonly #arena = new Uint8Array(ARENA_BYTES);
  readonly #sources = new Map<number, Source>();
  /** By their places. */
  readonly #receiving = new Map<number, { readonly source: number; readonly message: Source['waiting'][number] }>();
  readonly #sending = new Map<number, () => void>();
  #patienceMs = PATIENCE_MS.least;
  #lastEventMs = performance.now();
  #sentInTurn = false;
  #state: 'polling' | 'watching' | 'over' = 'watching';
  #allHere: (() => void) | undefined;
  #allSent: (() => void) | undefined;

  /** Starts MPI; every rank must. */
  constructor(addon: Addon, library: TransportLibrary, take: TakeMessage) {
    this.#addon = addon;
    this.#library = library;
    this.#take = take;
    this.world = addon.open(() => this.#wake(), this.#events, this.#arena);
    addon.watch();
  }

  /**
   * Sends bytes, which belong to this from now on. Messages to one rank arrive in the order of the calls.
   * @param synchronous it has left only when the other rank begins to receive it
   * @param left called when it has left, never within this call
   * @returns whether it has left already; then `left` is not called
   */
  send(rank: number, tag: number, bytes: Uint8Array, synchronous: boolean, left: () => void): boolean {
    const id = this.#addon.send(rank, tag, bytes, synchronous);
    this.#sentInTurn = true;
    if (this.#state === 'watching') {
      this.#addon.unwatch();
      this.#wake();
    }
    if (id === 0) return true;
    this.#sending.set(id, () => {
      this.#library.freeBytes(bytes);
      left();
    });
    return false;
  }

  /** Waits until all that was sent has left and every rank is here, and ends MPI. */
  async finish(): Promise<void> {
    if (this.#sending.size > 0) {
      await new Promise<void>((resolve) => {
        this.#allSent = resolve;
      });
    }
    await new Promise<void>((resolve) => {
      this.#allHere = resolve;
      this.#addon.meet();
    });
    this.#state = 'over';
    this.#addon.finalize();
  }

  #wake(): void {
    if (this.#state !== 'watching') return;
    this.#state = 'polling';
    this.#lastEventMs = performance.now();
    setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    if (this.#state === 'over') return;
    const startedMs = performance.now();
    let nowMs = startedMs;
    do {
      this.#sentInTurn = false;
      const count = this.#addon.poll(SPIN_MICROSECONDS);
      nowMs = performance.now();
      if (count === 0) {
        if (nowMs - this.#lastEventMs < this.#patienceMs) break;
        this.#patienceMs = Math.max(PATIENCE_MS.least, this.#patienceMs / 2);
        this.#state = 'watching';
        return this.#addon.watch();
      }
      this.#learn(nowMs - this.#lastEventMs);
      this.#lastEventMs = nowMs;
      for (let event = 0; event < count; event += 1) this.#handle(event * NUMBERS_PER_EVENT);
      // An answer to what was just sent may be there at once; who awaits a promise first needs the end of this turn.
    } while (this.#sentInTurn && nowMs - startedMs < TURN_MS);
    setImmediate(this.#turn);
  };

  /** Waiting twice as long as the last message took would have been enough. */
  #learn(tookMs: number): void {
    if (tookMs < PATIENCE_MS.most)
      this.#patienceMs = Math.min(PATIENCE_MS.most, Math.max(this.#patienceMs, 2 * tookMs));
  }

  #handle(at: number): void {
    const [kind, a = 0, b = 0, c = 0, d = 0] = [
      this.#events[at],
      this.#events[at + 1],
      this.#events[at + 2],
      this.#events[at + 3],
      this.#events[at + 4],
    ];
    switch (kind) {
      case EVENT.small:
        return this.#came(a, b, this.#arena.slice(d, d + c));
      case EVENT.large:
        return this.#comes(a, b, c, d);
      case EVENT.received:
        return this.#received(a);
      case EVENT.sent:
        return this.#left(a);
      case EVENT.allHere:
        return this.#allHere?.();
    }
  }

  #sourceOf(rank: number): Source {
    let source = this.#sources.get(rank);
    if (source === undefined) {
      source = { waiting: [] };
      this.#sources.set(rank, source);
    }
    return source;
  }

  #came(rank: number, tag: number, bytes: Uint8Array): void {
    const { waiting } = this.#sourceOf(rank);
    if (waiting.length === 0) this.#take(rank, tag, bytes);
    else waiting.push({ tag, bytes, whole: true });
  }

  #comes(rank: number, tag: number, length: number, place: number): void {
    const bytes = this.#library.uninitializedBytes(length);
    const message = { tag, bytes, whole: false };
    this.#sourceOf(rank).waiting.push(message);
    this.#receiving.set(place, { source: rank, message });
    this.#addon.receive(place, bytes);
  }

  #received(place: number): void {
    const came = this.#receiving.get(place);
    if (came === undefined) return;
    this.#receiving.delete(place);
    came.message.whole = true;
    const { waiting } = this.#sourceOf(came.source);
    for (let first = waiting[0]; first?.whole; first = waiting[0]) {
      waiting.shift();
      this.#take(came.source, first.tag, first.bytes);
    }
  }

  #left(id: number): void {
    const left = this.#sending.get(id);
    this.#sending.delete(id);
    left?.();
    if (this.#sending.size === 0) this.#allSent?.();
  }
}
