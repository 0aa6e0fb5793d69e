/** Timers as the channel needs them; `Clock` of core is one. */
export interface Timers {
  /** @returns cancels the timer. */
  setTimer(delayMs: number, fire: () => void): () => void;
}

export const systemTimers: Timers = {
  setTimer(delayMs, fire) {
    const timer = setTimeout(fire, delayMs);
    return () => clearTimeout(timer);
  },
};

/**
 * Calls `onStalled` when `progress()` has not changed for at least `stallMs`. It looks twice in that time and wants both
 * looks in vain: after this process was busy for long, the first look comes before what waits in the socket is read.
 */
export class StallWatch {
  readonly #timers: Timers;
  readonly #stallMs: number;
  readonly #progress: () => number;
  readonly #onStalled: () => void;
  #cancel: (() => void) | undefined;

  constructor(options: { timers: Timers; stallMs: number; progress: () => number; onStalled: () => void }) {
    this.#timers = options.timers;
    this.#stallMs = options.stallMs;
    this.#progress = options.progress;
    this.#onStalled = options.onStalled;
  }

  start(): void {
    if (this.#cancel === undefined) this.#look(this.#progress(), 2);
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #look(seen: number, looksLeft: number): void {
    this.#cancel = this.#timers.setTimer(this.#stallMs / 2, () => {
      const now = this.#progress();
      if (now !== seen) return this.#look(now, 2);
      if (looksLeft > 1) return this.#look(seen, looksLeft - 1);
      this.#cancel = undefined;
      this.#onStalled();
    });
  }
}
