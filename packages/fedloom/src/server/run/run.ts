import { EventEmitter } from 'node:events';
import type { Emitter } from '../../core/emitter.js';
import type { NamedRunResult, RoundRecord, RunResult } from '../../core/records.js';
import { soon } from '../../core/soon.js';
import type { FederationEvents } from './federation-options.js';

/** A program that uses a run need not have the types of Node's. */
type Events = new () => Emitter<FederationEvents>;

/** A round for whoever iterates. Each leads to the next, so that one which nobody can come to any more is held by nobody. */
interface Kept {
  readonly record: RoundRecord;
  next: Kept | undefined;
}

/**
 * A run under way: its rounds as they finish, its events, its result.
 *
 * Iterating yields every round from the first, whenever it begins, and ends when the run ends; it throws what made the
 * run fail. Of a served run, whoever begins late gets the last 1,000 of the rounds before. A run needs no one to look at it.
 */
export class Run extends (EventEmitter as Events) implements AsyncIterable<RoundRecord> {
  /** Settles when the run is over: `status` says whether it completed or was cancelled. Rejects when it failed. */
  readonly result: Promise<RunResult>;
  /** Where those who begin to iterate begin. */
  #first: Kept | undefined;
  #last: Kept | undefined;
  #kept = 0;
  readonly #abort = new AbortController();
  #wake: (() => void)[] = [];
  #over = false;

  /**
   * @param work runs the federation, tells `events`, and ends early, with the model so far, when the signal aborts
   * @param roundsKept for those who begin to iterate later
   */
  constructor(
    work: (events: Run, signal: AbortSignal) => Promise<RunResult>,
    signal?: AbortSignal,
    roundsKept = Number.POSITIVE_INFINITY,
  ) {
    super();
    const cancel = () => this.cancel();
    if (signal?.aborted) cancel();
    else signal?.addEventListener('abort', cancel, { once: true });
    this.on('round', (record) => {
      this.#keep(record, roundsKept);
      this.#wakeAll();
    });
    // One turn later, so that whoever made the run can listen to all of its events.
    this.result = new Promise<void>(soon)
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
    for (let at: Kept | undefined; ; ) {
      let next: Kept | undefined = at === undefined ? this.#first : at.next;
      while (next === undefined && !this.#over) {
        await new Promise<void>((resolve) => this.#wake.push(resolve));
        next = at === undefined ? this.#first : at.next;
      }
      if (next === undefined) break;
      at = next;
      yield at.record;
    }
    await this.result;
  }

  #keep(record: RoundRecord, roundsKept: number): void {
    const kept: Kept = { record, next: undefined };
    if (this.#last !== undefined) this.#last.next = kept;
    this.#last = kept;
    this.#first ??= kept;
    this.#kept += 1;
    if (this.#kept <= roundsKept) return;
    this.#first = this.#first.next;
    this.#kept -= 1;
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
