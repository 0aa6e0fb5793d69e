import { createHook } from 'node:async_hooks';
import { constants } from 'node:os';

/** Signals that listeners of ours take. */
export type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** Node's own handle of a signal. Stopped, it leaves the signal to the system. */
interface Handle {
  readonly id: number;
  readonly signal: Signal;
  start(signal: number): number;
  stop(): number;
}

/**
 * Has signals end the process, as is the default, while a user's own code runs on this thread: a listener could not run
 * before that code returns, and it may never. When the event loop turns, our listeners are back, and hear every signal that
 * came while they were there.
 */
export class SignalGate {
  readonly #listeners: ReadonlyMap<Signal, () => void>;
  readonly #handles: readonly Handle[];
  readonly #ids: ReadonlySet<number>;
  #open = true;
  #closed = false;
  /** Calls into a user's code that returned a promise which has not settled. */
  #pending = 0;
  /** Code that goes on after its first `await` begins anew with each callback, but for those that are our listeners. */
  readonly #hook = createHook({
    before: (id) => {
      if (!this.#ids.has(id)) this.#takeOff();
    },
  });

  constructor(listeners: ReadonlyMap<Signal, () => void>) {
    this.#listeners = listeners;
    this.#handles = [...listeners].flatMap(([signal, listener]) => listen(signal, listener));
    this.#ids = new Set(this.#handles.map(({ id }) => id));
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
    for (const [signal, listener] of this.#listeners) process.off(signal, listener);
  }

  #awaitEnd(result: Promise<unknown>): void {
    this.#pending += 1;
    if (this.#pending === 1 && !this.#closed) this.#hook.enable();
    const ended = () => {
      this.#pending -= 1;
      if (this.#pending === 0) this.#hook.disable();
    };
    result.then(ended, ended);
  }

  #takeOff(): void {
    if (this.#closed || !this.#open) return;
    this.#open = false;
    for (const handle of this.#handles) handle.stop();
    // Before the event loop looks for signals again: a stopped handle would drop them.
    process.nextTick(() => {
      if (this.#closed) return;
      this.#open = true;
      for (const handle of this.#handles) handle.start(constants.signals[handle.signal]);
    });
  }
}

/**
 * Adds a listener and gives Node's handle for it: `process.off` would forget a signal that came, but was not yet told.
 * Empty where the user's own code listens already, which then is to hear the signal.
 */
function listen(signal: Signal, listener: () => void): Handle[] {
  const made: Handle[] = [];
  const hook = createHook({
    init(id, type, _trigger, resource) {
      if (type !== 'SIGNALWRAP' || !('stop' in resource && 'start' in resource)) return;
      const handle = resource as Pick<Handle, 'start' | 'stop'>;
      made.push({ id, signal, start: (number) => handle.start(number), stop: () => handle.stop() });
    },
  }).enable();
  process.on(signal, listener);
  hook.disable();
  return made;
}
