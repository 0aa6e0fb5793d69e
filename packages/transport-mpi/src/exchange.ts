import {
  type Addon,
  type AddonWorld,
  EVENT,
  EVENTS_MAX,
  NUMBERS_PER_EVENT,
  NUMBERS_PER_QUEUED,
  QUEUED_MAX,
  SLOTS_BYTES,
  SMALL_BYTES_MAX,
} from './addon/addon.js';
import type { TransportLibrary } from './library.js';

/** Takes a message; its memory is the taker's. */
export type TakeMessage = (source: number, tag: number, bytes: Uint8Array) => void;

/** So many follow one another, while each brings something, before timers and sockets have their turn. */
const POLLS_PER_TURN = 64;
/** Below it, copying byte by byte is faster than a view and a call. */
const TINY_BYTES = 32;
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
  readonly #slots = new Uint8Array(SLOTS_BYTES);
  readonly #queue = new Float64Array(1 + QUEUED_MAX * NUMBERS_PER_QUEUED);
  readonly #outgoing = new Uint8Array(QUEUED_MAX * SMALL_BYTES_MAX);
  readonly #sources = new Map<number, Source>();
  readonly #receiving = new Map<number, { readonly source: number; readonly message: Source['waiting'][number] }>();
  readonly #sending = new Map<number, () => void>();
  #patienceMs = PATIENCE_MS.least;
  #lastEventMs = performance.now();
  #inTurn = false;
  #sentInTurn = false;
  /** Of small messages of which somebody wants to know that they have left. */
  #lastSynchronous = 0;
  #state: 'polling' | 'watching' | 'over' = 'watching';
  #allHere: (() => void) | undefined;
  #allSent: (() => void) | undefined;

  /** Starts MPI; every rank must. */
  constructor(addon: Addon, library: TransportLibrary, take: TakeMessage) {
    this.#addon = addon;
    this.#library = library;
    this.#take = take;
    this.world = addon.open(() => this.#wake(), this.#events, this.#slots, this.#queue, this.#outgoing);
    addon.watch();
  }

  /**
   * Sends bytes, which belong to this from now on. Messages to one rank arrive in the order of the calls.
   * @param synchronous it has left only when the other rank takes it, which large messages have in any case; other small ones
   *   are taken by MPI at once
   * @param left called when it has left, never within this call
   * @returns whether it has left already; then `left` is not called
   */
  send(rank: number, tag: number, bytes: Uint8Array, synchronous: boolean, left: () => void): boolean {
    const id = this.#start(rank, tag, bytes, synchronous);
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

  #start(rank: number, tag: number, bytes: Uint8Array, synchronous: boolean): number {
    if (bytes.length > SMALL_BYTES_MAX) return this.#addon.sendLarge(rank, tag, bytes);
    const id = synchronous ? --this.#lastSynchronous : 0;
    const queue = this.#queue;
    const place = queue[0] ?? 0;
    const at = 1 + place * NUMBERS_PER_QUEUED;
    queue[at] = rank;
    queue[at + 1] = tag;
    queue[at + 2] = bytes.length;
    queue[at + 3] = id;
    copy(bytes, this.#outgoing, place * SMALL_BYTES_MAX);
    queue[0] = place + 1;
    // Within a turn the next poll takes it along, which saves a call.
    if (!this.#inTurn || place + 1 === QUEUED_MAX) this.#addon.flush();
    return id;
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
    let count = 0;
    let polls = 0;
    this.#inTurn = true;
    try {
      do {
        this.#sentInTurn = false;
        count = this.#addon.poll();
        if (count > 0 && polls === 0) this.#learn();
        for (let event = 0; event < count; event += 1) {
          // Who takes the next message may take its time.
          if (this.#queue[0] !== 0) this.#addon.flush();
          this.#handle(event * NUMBERS_PER_EVENT);
        }
        polls += 1;
        // An answer to what was just sent may be there at once; who awaits a promise first needs the end of this turn.
      } while (this.#sentInTurn && count > 0 && polls < POLLS_PER_TURN);
    } finally {
      this.#inTurn = false;
      if (this.#queue[0] !== 0) this.#addon.flush();
    }
    if (polls > 1 || count > 0) this.#lastEventMs = performance.now();
    else if (performance.now() - this.#lastEventMs >= this.#patienceMs) return this.#leaveToWatcher();
    setImmediate(this.#turn);
  };

  #leaveToWatcher(): void {
    this.#patienceMs = Math.max(PATIENCE_MS.least, this.#patienceMs / 2);
    this.#state = 'watching';
    this.#addon.watch();
  }

  /** Waiting twice as long as the last message took would have been enough. */
  #learn(): void {
    const tookMs = performance.now() - this.#lastEventMs;
    if (tookMs < PATIENCE_MS.most)
      this.#patienceMs = Math.min(PATIENCE_MS.most, Math.max(this.#patienceMs, 2 * tookMs));
  }

  #handle(at: number): void {
    const events = this.#events;
    const a = events[at + 1] ?? 0;
    switch (events[at]) {
      case EVENT.small:
        return this.#came(a, events[at + 2] ?? 0, this.#taken(events[at + 3] ?? 0, events[at + 4] ?? 0));
      case EVENT.large:
        return this.#comes(a, events[at + 2] ?? 0, events[at + 4] ?? 0);
      case EVENT.received:
        return this.#received(a);
      case EVENT.sent:
        return this.#left(a);
      case EVENT.allHere:
        return this.#allHere?.();
    }
  }

  /** What came into a slot, in memory of its own. */
  #taken(from: number, length: number): Uint8Array {
    if (length > TINY_BYTES) return this.#slots.slice(from, from + length);
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += 1) bytes[at] = this.#slots[from + at] ?? 0;
    return bytes;
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

  #comes(rank: number, tag: number, length: number): void {
    const bytes = this.#library.uninitializedBytes(length);
    const message = { tag, bytes, whole: false };
    this.#sourceOf(rank).waiting.push(message);
    this.#receiving.set(this.#addon.receive(rank, tag, bytes), { source: rank, message });
  }

  #received(id: number): void {
    const came = this.#receiving.get(id);
    if (came === undefined) return;
    this.#receiving.delete(id);
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

function copy(bytes: Uint8Array, to: Uint8Array, offset: number): void {
  if (bytes.length > TINY_BYTES) return to.set(bytes, offset);
  for (let at = 0; at < bytes.length; at += 1) to[offset + at] = bytes[at] ?? 0;
}
