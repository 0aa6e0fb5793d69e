import { type Evaluation, resultsOf, type Statistics } from '../core/evaluation.js';
import type { Results } from '../core/records.js';

/** What one client's test gave. */
export interface ClientResults<R extends Results = Results> {
  readonly results: R;
  /** Test samples behind `results`. */
  readonly sampleCount: number;
  /**
   * Results that add up over clients, such as a histogram, with their own weights: each stands as sum / weight in the
   * results that an aggregator gets. A trainer may give some in place of a result.
   */
  readonly statistics?: Statistics;
}

/** Turns the test results of the clients into those of the federation. */
export interface ResultAggregator<R extends Results = Results> {
  /**
   * `results` goes by client index, ascending; it is never empty. The round's record waits for a promise, and so does what
   * the next round decides.
   * @throws FedloomError when the results cannot be combined; the round is then reported without them.
   */
  aggregate(round: number, results: ReadonlyMap<number, ClientResults<R>>): Results | Promise<Results>;
}

/** What a trainer's test gave, as an evaluation. */
export function ownEvaluation({ results, sampleCount, statistics = {} }: ClientResults): Evaluation {
  return { sampleCount, statistics, results };
}

/** An evaluation as an aggregator gets it. */
export function clientResults(evaluation: Evaluation): ClientResults {
  const { sampleCount, statistics } = evaluation;
  return { results: resultsOf(evaluation), sampleCount, statistics };
}
