import { expect, test } from 'vitest';
import { StallWatch, type Timers } from './stall-watch.js';

/** Time that passes when the test says so. A busy process fires a timer late, and only one. */
class HandTimers implements Timers {
  #now = 0;
  #due: { at: number; fire: () => void } | undefined;

  setTimer(delayMs: number, fire: () => void): () => void {
    const due = { at: this.#now + delayMs, fire };
    this.#due = due;
    return () => {
      if (this.#due === due) this.#due = undefined;
    };
  }

  get waiting(): boolean {
    return this.#due !== undefined;
  }

  pass(ms: number): void {
    this.#now += ms;
    const due = this.#due;
    if (due === undefined || due.at > this.#now) return;
    this.#due = undefined;
    due.fire();
  }
}

function watch(): { timers: HandTimers; stall: StallWatch; advance: () => void; stalled: () => number } {
  const timers = new HandTimers();
  let chunks = 0;
  let stalled = 0;
  const stall = new StallWatch({ timers, stallMs: 100, progress: () => chunks, onStalled: () => stalled++ });
  return { timers, stall, advance: () => chunks++, stalled: () => stalled };
}

test('fires once nothing has moved for the whole time', () => {
  const { timers, stall, stalled } = watch();
  stall.start();
  timers.pass(50);
  timers.pass(49);
  expect(stalled()).toBe(0);
  timers.pass(1);
  expect([stalled(), timers.waiting]).toEqual([1, false]);
});

test('any progress starts the time anew', () => {
  const { timers, stall, advance, stalled } = watch();
  stall.start();
  for (let i = 0; i < 20; i++) {
    timers.pass(50);
    advance();
  }
  expect(stalled()).toBe(0);
  for (let i = 0; i < 3; i++) timers.pass(50);
  expect(stalled()).toBe(1);
});

test('a process that was busy for long looks once more before it blames the other end', () => {
  const { timers, stall, advance, stalled } = watch();
  stall.start();
  timers.pass(10_000);
  expect(stalled()).toBe(0);
  advance();
  timers.pass(50);
  timers.pass(50);
  expect(stalled()).toBe(0);
});

test('stops, and starts again', () => {
  const { timers, stall, stalled } = watch();
  stall.start();
  stall.start();
  stall.stop();
  expect(timers.waiting).toBe(false);
  stall.start();
  timers.pass(50);
  timers.pass(50);
  expect(stalled()).toBe(1);
});
