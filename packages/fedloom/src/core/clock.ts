/** Time and timers as the framework uses them, so that tests can drive both. */
export interface Clock {
  /** Milliseconds from an origin of its own; never goes back. Only differences mean anything. */
  now(): number;
  /** Calls `fire` once after `delayMs` milliseconds, unless the returned function cancels it first. */
  setTimer(delayMs: number, fire: () => void): () => void;
}

/** What the platform's timers can wait at most; they fire at once for anything longer. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimer(delayMs, fire) {
    let handle: ReturnType<typeof setTimeout>;
    const wait = (leftMs: number) => {
      const stepMs = Math.min(leftMs, TIMEOUT_MS_MAX);
      handle = setTimeout(() => (leftMs > stepMs ? wait(leftMs - stepMs) : fire()), stepMs);
    };
    wait(delayMs);
    return () => clearTimeout(handle);
  },
};
