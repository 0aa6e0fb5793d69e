import { type Evaluation, resultsOf, type Statistics } from '../core/evaluation.js';
import type { Results } from '../core/records.js';

/** What one client's test gave. */
export interface ClientResults<R extends Results = Results> {
  /** Finite numbers, or lists of them. What else stands here is left out, name by name, and told. */
  readonly results: R;
  /** Test samples behind `results`: a whole number up to 1e9. 0: the client has none, and is reported as not evaluated. */
  readonly sampleCount: number;
  /**
   * Results that add up over clients, such as a histogram, with their own weights: each stands as sum / weight in the
   * results that an aggregator gets. A trainer may give some in place of a result.
   */
  readonly statistics?: Statistics;
  /** Names that could not be given a value, and why: a sentence that begins with the name. */
  readonly unsound?: Readonly<Record<string, string>>;
}

/** A result that was left out. */
export interface UnsoundResult {
  /** Null: the server's own test. */
  readonly client: number | null;
  /** Null: all that this client gave. */
  readonly result: string | null;
  readonly reason: string;
}

/** Results of the federation, and how they came about. */
export interface CountedResults {
  readonly results: Results;
  /** By name: from how many clients it comes. */
  readonly clients: Readonly<Record<string, number>>;
  readonly unsound: readonly UnsoundResult[];
  /** By name: the samples, or the weight, behind a mean; those of all clients where it is not said. */
  readonly weights?: Readonly<Record<string, number>>;
}

/** Turns the test results of the clients into those of the federation. */
export interface ResultAggregator<R extends Results = Results> {
  /**
   * `results` goes by client index, ascending; it is never empty, and holds only finite numbers and lists of them. The
   * round's record waits for a promise, and so does what the next round decides. Names that it gives other values than such
   * are left out, and told.
   * @throws FedloomError when the results cannot be combined; the round is then reported without them.
   */
  aggregate(round: number, results: ReadonlyMap<number, ClientResults<R>>): Results | Promise<Results>;
  /**
   * As `aggregate`, which is then not asked, for those who leave some clients out. Default: a name comes from the clients
   * that gave a result of it; one that no client gave, from all.
   */
  aggregateCounted?(
    round: number,
    results: ReadonlyMap<number, ClientResults<R>>,
  ): CountedResults | Promise<CountedResults>;
}

/** What a trainer's test gave, as an evaluation. */
export function ownEvaluation({ results, sampleCount, statistics = {}, unsound }: ClientResults): Evaluation {
  return { sampleCount, statistics, results, ...(unsound && { unsound }) };
}

/** An evaluation as an aggregator gets it. */
export function clientResults(evaluation: Evaluation): ClientResults {
  const { sampleCount, statistics } = evaluation;
  return { results: resultsOf(evaluation), sampleCount, statistics };
}
