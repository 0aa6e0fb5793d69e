import { EventEmitter } from 'node:events';
import type { Emitter } from '../../core/emitter.js';
import type { NamedRunResult, RoundRecord, RunResult } from '../../core/records.js';
import type { FederationEvents } from './federation-options.js';

/** A program that uses a run need not have the types of Node's. */
type Events = new () => Emitter<FederationEvents>;

/**
 * A run under way: its rounds as they finish, its events, its result.
 *
 * Iterating yields every round from the first, whenever it begins, and ends when the run ends; it throws what made the
 * run fail. A run needs no one to look at it.
 */
export class Run extends (EventEmitter as Events) implements AsyncIterable<RoundRecord> {
  /** Settles when the run is over: `status` says whether it completed or was cancelled. Rejects when it failed. */
  readonly result: Promise<RunResult>;
  readonly #rounds: RoundRecord[] = [];
  readonly #abort = new AbortController();
  #wake: (() => void)[] = [];
  #over = false;

  /** @param work runs the federation, tells `events`, and ends early, with the model so far, when the signal aborts */
  constructor(work: (events: Run, signal: AbortSignal) => Promise<RunResult>, signal?: AbortSignal) {
    super();
    const cancel = () => this.cancel();
    if (signal?.aborted) cancel();
    else signal?.addEventListener('abort', cancel, { once: true });
    this.on('round', (round) => {
      this.#rounds.push(round);
      this.#wakeAll();
    });
    // One turn later, so that whoever made the run can listen to all of its events.
    this.result = new Promise((resolve) => setImmediate(resolve))
      .then(() => work(this, this.#abort.signal))
      .finally(() => {
        signal?.removeEventListener('abort', cancel);
        this.#over = true;
        this.#wakeAll();
      });
    // Whoever wants the failure awaits `result` or iterates; nobody has to.
    this.result.catch(() => {});
  }

  /** Ends the run soon; the model after the last finished round is its result. */
  cancel(): void {
    this.#abort.abort();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RoundRecord> {
    for (let next = 0; ; next += 1) {
      while (next >= this.#rounds.length && !this.#over) {
        await new Promise<void>((resolve) => this.#wake.push(resolve));
      }
      const round = this.#rounds[next];
      if (round === undefined) break;
      yield round;
    }
    await this.result;
  }

  #wakeAll(): void {
    const wake = this.#wake;
    this.#wake = [];
    for (const resolve of wake) resolve();
  }
}

/** A run of a task whose metrics the compiler knows by name. */
export interface NamedRun<Name extends string> extends Run {
  readonly result: Promise<NamedRunResult<Name>>;
}
