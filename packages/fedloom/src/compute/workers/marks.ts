import type { CancelSignal } from '../cancel-signal.js';
import { MARKS } from './pool-worker.js';

const MARK_MAX = MARKS * 2 ** 20;

/** The marks of one message's jobs. */
export interface MarksOfBatch {
  /** Jobs of one signal share a mark, so that they can be done together. */
  of(signal: CancelSignal): number;
  /** The jobs are done. */
  giveBack(): void;
}

/**
 * Gives out the marks of one worker's jobs, which it is told when a job is cancelled. No mark comes again soon, so that one
 * that is told too late means nobody else.
 */
export class Marks {
  readonly #taken = new Set<number>();
  #last = 0;

  /** @param cancel what to do once a signal of these jobs aborts */
  take(cancel: (mark: number) => void): MarksOfBatch {
    const bySignal = new Map<CancelSignal, { readonly mark: number; readonly abort: () => void }>();
    return {
      of: (signal) => {
        const known = bySignal.get(signal);
        if (known !== undefined) return known.mark;
        this.#last = (this.#last % MARK_MAX) + 1;
        const mark = this.#last;
        const abort = () => cancel(mark);
        if (signal.aborted) abort();
        else signal.addEventListener('abort', abort);
        bySignal.set(signal, { mark, abort });
        this.#taken.add(mark);
        return mark;
      },
      giveBack: () => {
        for (const [signal, { mark, abort }] of bySignal) {
          signal.removeEventListener('abort', abort);
          this.#taken.delete(mark);
        }
      },
    };
  }

  /** Those of all jobs that are not done. */
  taken(): readonly number[] {
    return [...this.#taken];
  }
}
