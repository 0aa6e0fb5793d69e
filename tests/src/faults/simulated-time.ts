interface Event {
  readonly atMs: number;
  /** Of equal times the one that was planned first. */
  readonly order: number;
  readonly run: () => void;
  cancelled: boolean;
}

/** Why a simulation stopped: what it waited for has come, nothing is left to happen, or the time was up. */
export type Stop = 'over' | 'nothing-left' | 'time-up';

/**
 * Time that passes from event to event. Between two events everything that promises have to say is said: the order of all that
 * happens follows from what was planned, and from nothing of the machine.
 */
export class SimulatedTime {
  nowMs = 0;
  /** Events so far. */
  events = 0;
  /** A binary heap. */
  readonly #planned: Event[] = [];
  #order = 0;

  /** @returns cancels it */
  at(atMs: number, run: () => void): () => void {
    const event: Event = { atMs: Math.max(atMs, this.nowMs), order: this.#order, run, cancelled: false };
    this.#order += 1;
    this.#push(event);
    return () => {
      event.cancelled = true;
    };
  }

  in(delayMs: number, run: () => void): () => void {
    return this.at(this.nowMs + delayMs, run);
  }

  /** What a part of the machine, that no process owns, waits for. */
  wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.in(delayMs, resolve));
  }

  async run(isOver: () => boolean, untilMs: number): Promise<Stop> {
    for (;;) {
      await promisesSaid();
      if (isOver()) return 'over';
      const event = this.#pop();
      if (event === undefined) return 'nothing-left';
      if (event.atMs > untilMs) return 'time-up';
      this.nowMs = event.atMs;
      this.events += 1;
      event.run();
    }
  }

  #push(event: Event): void {
    const heap = this.#planned;
    heap.push(event);
    for (let at = heap.length - 1; at > 0; ) {
      const above = (at - 1) >> 1;
      if (!isBefore(heap, at, above)) break;
      swap(heap, at, above);
      at = above;
    }
  }

  /** The next that was not cancelled. */
  #pop(): Event | undefined {
    const heap = this.#planned;
    for (;;) {
      const first = heap[0];
      const last = heap.pop();
      if (first === undefined || last === undefined) return undefined;
      if (heap.length > 0) {
        heap[0] = last;
        this.#sink();
      }
      if (!first.cancelled) return first;
    }
  }

  #sink(): void {
    const heap = this.#planned;
    for (let at = 0; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      let least = at;
      if (left < heap.length && isBefore(heap, left, least)) least = left;
      if (right < heap.length && isBefore(heap, right, least)) least = right;
      if (least === at) return;
      swap(heap, at, least);
      at = least;
    }
  }
}

function isBefore(heap: readonly Event[], at: number, than: number): boolean {
  const [a, b] = [heap[at], heap[than]];
  if (a === undefined || b === undefined) return false;
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

function swap(heap: Event[], at: number, other: number): void {
  const [a, b] = [heap[at], heap[other]];
  if (a === undefined || b === undefined) return;
  heap[at] = b;
  heap[other] = a;
}

/** Node runs all promises before the next of these, and nothing here waits for anything but promises. */
function promisesSaid(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
