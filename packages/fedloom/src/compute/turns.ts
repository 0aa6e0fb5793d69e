import { FedloomError } from '@fedloom/engine';
import type { CancelSignal } from './cancel-signal.js';

/** Lets one piece of work go on at a time, in the order they came. */
export class Turns {
  #busy = false;
  readonly #waiting: (() => void)[] = [];

  /**
   * @param signal gives the place in the queue up; work that has begun looks after itself
   * @throws FedloomError `client.cancelled` when the signal aborted before its turn; else what `work` throws
   */
  async take<T>(work: () => Promise<T>, signal?: CancelSignal): Promise<T> {
    if (this.#busy) await this.#wait(signal);
    this.#busy = true;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      // Handed on without a gap: `#busy` stays, so that nobody who comes now overtakes.
      if (next === undefined) this.#busy = false;
      else next();
    }
  }

  #wait(signal: CancelSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const start = () => {
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        const at = this.#waiting.indexOf(start);
        if (at < 0) return;
        this.#waiting.splice(at, 1);
        signal?.removeEventListener('abort', leave);
        reject(new FedloomError('client.cancelled', 'The job was cancelled before its turn came.'));
      };
      if (signal?.aborted) {
        reject(new FedloomError('client.cancelled', 'The job was cancelled before its turn came.'));
        return;
      }
      this.#waiting.push(start);
      signal?.addEventListener('abort', leave);
    });
  }
}
