import type { Clock } from '../../../packages/fedloom/dist/core/clock.js';
import type { SimulatedTime } from './simulated-time.js';

/** After a pause timers fire before what came over the network is read, as in Node. */
const READ_AFTER_MS = 0.001;

/**
 * A process of the federation: what runs in it stops when it is killed, and waits while it is paused. Its memory is gone with it:
 * what it has promised itself never settles.
 */
export class SimulatedProcess {
  /** Of this process alone: from its own start on. */
  readonly clock: Clock;
  #isAlive = true;
  #pausedUntilMs = 0;
  readonly #whenKilled: (() => void)[] = [];

  constructor(
    readonly name: string,
    readonly time: SimulatedTime,
  ) {
    const startedMs = time.nowMs;
    this.clock = {
      now: () => time.nowMs - startedMs,
      setTimer: (delayMs, fire) => this.#at(time.nowMs + Math.max(0, delayMs), fire, 0),
    };
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get isPaused(): boolean {
    return this.time.nowMs < this.#pausedUntilMs;
  }

  /** What comes from outside: never within the call. */
  later(delayMs: number, run: () => void): () => void {
    return this.#at(this.time.nowMs + delayMs, run, READ_AFTER_MS);
  }

  /** Settles after the delay, unless the process is gone. */
  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.later(delayMs, resolve));
  }

  /** It stands still, with all of its timers, as one that was stopped or whose machine was suspended. */
  pause(forMs: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.time.nowMs + forMs);
  }

  /** What becomes of what it held: its connections, its files. */
  onKilled(then: () => void): void {
    this.#whenKilled.push(then);
  }

  kill(): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    for (const then of this.#whenKilled) then();
  }

  #at(atMs: number, run: () => void, afterPauseMs: number): () => void {
    let cancel: () => void = () => {};
    const fire = () => {
      if (!this.#isAlive) return;
      if (this.isPaused) cancel = this.time.at(this.#pausedUntilMs + afterPauseMs, fire);
      else run();
    };
    cancel = this.time.at(atMs, fire);
    return () => cancel();
  }
}
