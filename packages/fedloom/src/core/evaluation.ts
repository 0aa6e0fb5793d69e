import type { Results } from './records.js';

/** A statistic that adds up over samples and over clients; its value is sum / weight, of a list element by element. */
export interface Statistic {
  readonly sum: number | readonly number[];
  /** Above 0: samples, tokens, or whatever the sum is of. */
  readonly weight: number;
}

export type Statistics = Readonly<Record<string, Statistic>>;

/** What came of testing a model on one client's samples, or on the server's own. */
export interface Evaluation {
  /** 0: there were no samples, and nothing else is said. */
  readonly sampleCount: number;
  readonly statistics: Statistics;
  /** Named results of training code of one's own: only its result aggregator knows how they add up. */
  readonly results?: Results;
  /** Names whose values cannot be counted, and why: a sentence that begins with the name. */
  readonly unsound?: Readonly<Record<string, string>>;
}

/** Everything an evaluation says, as numbers: each statistic's value, and the results. */
export function resultsOf({ statistics, results }: Evaluation): Results {
  const values = Object.entries(statistics).map(([name, statistic]) => [name, statisticValue(statistic)] as const);
  return { ...Object.fromEntries(values), ...results };
}

export function statisticValue({ sum, weight }: Statistic): number | readonly number[] {
  return typeof sum === 'number' ? sum / weight : sum.map((one) => one / weight);
}
