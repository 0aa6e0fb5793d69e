import type { Results } from '../core/records.js';

/** What one client's test gave. */
export interface ClientResults<R extends Results = Results> {
  readonly results: R;
  /** Test samples behind `results`. */
  readonly sampleCount: number;
}

/** Turns the test results of the clients into those of the federation. */
export interface ResultAggregator<R extends Results = Results> {
  /**
   * `results` goes by client index, ascending; it is never empty.
   * @throws FedloomError when the results cannot be combined; the round is then reported without them.
   */
  aggregate(round: number, results: ReadonlyMap<number, ClientResults<R>>): Results;
}
