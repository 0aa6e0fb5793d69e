import type { ClientIndex } from '../../core/brands.js';
import type { IndexRange } from '../../protocol/messages.js';

/**
 * What one session was asked for and has not answered. It only decides how long silence is borne, so counts will do: what a
 * peer answers twice or never costs nobody but itself.
 */
export class WorkUnderWay {
  readonly #training = new Set<ClientIndex>();
  #evaluating = 0;
  #evaluatedRound = -1;
  /** From the start: it may read data and prepare for long before it joins. */
  #joining = true;

  get any(): boolean {
    return this.#joining || this.#training.size > 0 || this.#evaluating > 0;
  }

  joined(): void {
    this.#joining = false;
  }

  /** Whoever is asked to train lets evaluations be. */
  askedToTrain(clients: readonly ClientIndex[]): void {
    for (const client of clients) this.#training.add(client);
    this.#evaluating = 0;
  }

  /** They answered, or their answers are not waited for any longer. */
  trained(clients: readonly ClientIndex[]): void {
    for (const client of clients) this.#training.delete(client);
  }

  /** Whoever is asked to evaluate lets training be, and evaluations of other rounds. */
  askedToEvaluate(round: number, ranges: readonly IndexRange[]): void {
    if (round !== this.#evaluatedRound) this.#evaluating = 0;
    this.#evaluatedRound = round;
    this.#training.clear();
    for (const { count } of ranges) this.#evaluating += count;
  }

  evaluated(round: number, count: number): void {
    if (round === this.#evaluatedRound) this.#evaluating = Math.max(0, this.#evaluating - count);
  }
}
