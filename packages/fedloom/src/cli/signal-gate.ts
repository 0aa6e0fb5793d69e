import { createHook } from 'node:async_hooks';

/** Signals that listeners of ours take. */
export type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/**
 * Takes our listeners off while a user's own code runs on this thread: a signal then ends the process, as is the default.
 * A listener could not run before that code returns, and it may never. Where nothing of theirs runs, all is in order again
 * with the next turn of the event loop.
 */
export class SignalGate {
  readonly #listeners: ReadonlyMap<Signal, () => void>;
  #open = false;
  #closed = false;
  #rearming = false;
  /** Calls into a user's code that returned a promise which has not settled. */
  #pending = 0;
  readonly #signalHandles = new Set<number>();
  /** Code that goes on after its first `await` begins anew with each callback. */
  readonly #hook = createHook({
    init: (id, type) => {
      if (type === 'SIGNALWRAP') this.#signalHandles.add(id);
    },
    before: (id) => {
      // Node is about to call the very listener.
      if (!this.#signalHandles.has(id)) this.#takeOff();
    },
    destroy: (id) => {
      this.#signalHandles.delete(id);
    },
  });

  constructor(listeners: ReadonlyMap<Signal, () => void>) {
    this.#listeners = listeners;
    this.#putOn();
  }

  /** Calls a user's code. */
  run<T>(code: () => T): T {
    this.#takeOff();
    const result = code();
    if (result instanceof Promise) this.#awaitEnd(result);
    return result;
  }

  /** Takes the listeners off for good. */
  close(): void {
    this.#closed = true;
    this.#hook.disable();
    this.#remove();
  }

  #awaitEnd(result: Promise<unknown>): void {
    this.#pending += 1;
    // Our listeners are off now, so the hook sees each signal handle that it has to leave alone being made.
    if (this.#pending === 1 && !this.#closed) this.#hook.enable();
    const ended = () => {
      this.#pending -= 1;
      if (this.#pending > 0) return;
      this.#hook.disable();
      this.#signalHandles.clear();
    };
    result.then(ended, ended);
  }

  #takeOff(): void {
    if (this.#closed) return;
    this.#remove();
    if (this.#rearming) return;
    this.#rearming = true;
    setImmediate(() => {
      this.#rearming = false;
      if (!this.#closed) this.#putOn();
    });
  }

  #putOn(): void {
    if (this.#open) return;
    this.#open = true;
    for (const [signal, listener] of this.#listeners) process.on(signal, listener);
  }

  #remove(): void {
    if (!this.#open) return;
    this.#open = false;
    for (const [signal, listener] of this.#listeners) process.off(signal, listener);
  }
}
