import type { Clock } from '../../../core/clock.js';

/** Time stands still; timers fire when a test says so. */
export class HandClock implements Clock {
  readonly #timers = new Map<() => void, number>();
  now = () => 0;

  setTimer(delayMs: number, fire: () => void): () => void {
    this.#timers.set(fire, delayMs);
    return () => this.#timers.delete(fire);
  }

  get delaysMs(): number[] {
    return [...this.#timers.values()];
  }

  /** All that wait, or all that wait for so long, at once. */
  fire(delayMs?: number): void {
    const due = [...this.#timers].filter(([, delay]) => delayMs === undefined || delay === delayMs);
    for (const [fire] of due) this.#timers.delete(fire);
    for (const [fire] of due) fire();
  }
}
