import { FedloomError } from '@fedloom/engine';
import type { Results } from '../core/records.js';
import type { ClientResults, ResultAggregator } from './result-aggregator.js';

type Result = number | readonly number[];

/**
 * The mean of each named result, weighted by the clients' test sample counts: r = sum_i n_i r_i / sum_i n_i; of statistics,
 * which carry their own weights, the sum of the sums by that of the weights. Lists are taken element by element. A client that lacks a name counts in the others only. Sums run in ascending order of indices,
 * so the mean does not depend on the order of arrival.
 * @throws FedloomError `results.not-finite`, `results.sample-count` or `results.shape`, naming the client and the result.
 */
export const meanResultAggregator = {
  aggregate(round: number, results: ReadonlyMap<number, ClientResults>): Results {
    const means = new Map<string, WeightedMean>();
    for (const [index, client] of [...results].sort(([a], [b]) => a - b)) {
      addClient(means, client, `Round ${round + 1}, client ${index}`, index);
    }
    return Object.fromEntries([...means].map(([name, mean]) => [name, mean.value()]));
  },
} satisfies ResultAggregator;

function addClient(means: Map<string, WeightedMean>, client: ClientResults, who: string, index: number): void {
  const { sampleCount } = client;
  if (!(Number.isSafeInteger(sampleCount) && sampleCount > 0)) {
    throw new FedloomError(
      'results.sample-count',
      `${who}: test reported a sample count of ${sampleCount}; it must be a whole number of at least 1.`,
      { client: index, sampleCount },
    );
  }
  for (const [name, result] of Object.entries<Result>(client.results)) {
    checkFinite(result, name, who, index);
    const statistic = client.statistics?.[name];
    const mean = means.get(name) ?? new WeightedMean(result);
    if (!mean.fits(result)) {
      throw new FedloomError(
        'results.shape',
        `${who}: result "${name}" is ${shapeText(result)}, but ${shapeText(mean.value())} from the clients before it; ` +
          'every client must report a result in the same form.',
        { client: index, result: name },
      );
    }
    if (statistic === undefined) mean.add(result, sampleCount);
    else mean.addSum(statistic.sum, statistic.weight);
    means.set(name, mean);
  }
}

class WeightedMean {
  readonly #isList: boolean;
  readonly #sums: number[];
  #weight = 0;

  constructor(first: Result) {
    this.#isList = typeof first !== 'number';
    this.#sums = elements(first).map(() => 0);
  }

  fits(result: Result): boolean {
    return (typeof result !== 'number') === this.#isList && elements(result).length === this.#sums.length;
  }

  add(result: Result, weight: number): void {
    this.#weight += weight;
    for (const [i, value] of elements(result).entries()) this.#sums[i]! += weight * value;
  }

  addSum(sum: Result, weight: number): void {
    this.#weight += weight;
    for (const [i, value] of elements(sum).entries()) this.#sums[i]! += value;
  }

  value(): Result {
    const means = this.#sums.map((sum) => sum / this.#weight);
    return this.#isList ? means : means[0]!;
  }
}

function elements(result: Result): readonly number[] {
  return typeof result === 'number' ? [result] : result;
}

function shapeText(result: Result): string {
  return typeof result === 'number' ? 'a number' : `a list of ${result.length}`;
}

function checkFinite(result: Result, name: string, who: string, index: number): void {
  const values = Array.isArray(result) ? result : [result];
  const bad = values.find((value) => !Number.isFinite(value));
  if (bad === undefined && values.length > 0) return;
  throw new FedloomError(
    'results.not-finite',
    `${who}: result "${name}" ${values.length === 0 ? 'is an empty list' : `holds ${String(bad)}`}; ` +
      'test must report finite numbers. If training diverged, lower the learning rate.',
    { client: index, result: name },
  );
}
