import { type Statistic, statisticValue } from '../core/evaluation.js';
import type { Results } from '../core/records.js';
import { problemOfResult, TEST_SAMPLES_MAX } from '../core/sound-evaluation.js';
import type { ClientResults, CountedResults, ResultAggregator, UnsoundResult } from './result-aggregator.js';

/** Names in a round's record: those that most clients give. */
const NAMES_MAX = 256;

type Result = number | readonly number[];

/** One client's value of one name. */
interface Contribution {
  readonly client: number;
  readonly value: Result;
  readonly sum: Result;
  readonly weight: number;
}

/**
 * The mean of each named result over the clients that gave a sound one, weighted by their test sample counts:
 * r = sum_i n_i r_i / sum_i n_i; of statistics, which carry their own weights, the sum of the sums by that of the weights.
 * Lists are taken element by element. Not sound are: what is not a finite number or a list of them, and what has another
 * form than most clients give under that name (of forms that are equally frequent, that of the lowest index). Sums run in
 * ascending order of indices, so the mean does not depend on the order of arrival.
 */
export const meanResultAggregator = {
  aggregate: (_round: number, results: ReadonlyMap<number, ClientResults>): Results => countedMeans(results).results,
  aggregateCounted: (_round: number, results: ReadonlyMap<number, ClientResults>): CountedResults =>
    countedMeans(results),
} satisfies ResultAggregator;

function countedMeans(results: ReadonlyMap<number, ClientResults>): CountedResults {
  const { byName, unsound } = contributionsOf(results);
  const means: Record<string, Result> = {};
  const clients: Record<string, number> = {};
  const weights: Record<string, number> = {};
  for (const [name, given] of mostGiven(byName, unsound)) {
    const form = commonForm(given);
    const alike = given.filter(({ value }) => formOf(value) === form);
    for (const { client, value } of given) {
      if (formOf(value) !== form) unsound.push({ client, result: name, reason: otherForm(value, form, alike.length) });
    }
    means[name] = meanOf(alike);
    clients[name] = alike.length;
    weights[name] = weightOf(alike);
  }
  return { results: means, clients, unsound, weights };
}

function contributionsOf(results: ReadonlyMap<number, ClientResults>) {
  const byName = new Map<string, Contribution[]>();
  const unsound: UnsoundResult[] = [];
  for (const [client, own] of [...results].sort(([a], [b]) => a - b)) {
    const { sampleCount } = own;
    if (!(Number.isSafeInteger(sampleCount) && sampleCount > 0 && sampleCount <= TEST_SAMPLES_MAX)) {
      const reason = `the sample count is ${sampleCount}; it must be a whole number from 1 to ${TEST_SAMPLES_MAX}`;
      unsound.push({ client, result: null, reason });
      continue;
    }
    for (const [result, value] of Object.entries<Result>(own.results)) {
      const reason = problemOfResult(value);
      if (reason !== undefined) {
        unsound.push({ client, result, reason });
        continue;
      }
      const given = byName.get(result) ?? [];
      given.push({ client, value, ...weighted(value, own.statistics?.[result], sampleCount) });
      byName.set(result, given);
    }
  }
  return { byName, unsound };
}

/** Of equally many clients, the first that came; the others are told as left out, each by the first client that gave it. */
function mostGiven(
  byName: ReadonlyMap<string, readonly Contribution[]>,
  unsound: UnsoundResult[],
): Iterable<readonly [string, readonly Contribution[]]> {
  if (byName.size <= NAMES_MAX) return byName;
  const sorted = [...byName].sort(([, a], [, b]) => b.length - a.length);
  for (const [result, [first]] of sorted.slice(NAMES_MAX)) {
    const reason = `is one of ${byName.size} names; a round has the ${NAMES_MAX} that most clients give`;
    unsound.push({ client: first?.client ?? null, result, reason });
  }
  return sorted.slice(0, NAMES_MAX);
}

function weighted(
  value: Result,
  statistic: Statistic | undefined,
  sampleCount: number,
): Pick<Contribution, 'sum' | 'weight'> {
  // A statistic of this name may have given way to a result of it.
  if (statistic !== undefined && formOf(statisticValue(statistic)) === formOf(value)) return statistic;
  const sum = typeof value === 'number' ? sampleCount * value : value.map((one) => sampleCount * one);
  return { sum, weight: sampleCount };
}

/** -1: a number; else the length of a list. */
function formOf(value: Result): number {
  return typeof value === 'number' ? -1 : value.length;
}

function commonForm(given: readonly Contribution[]): number {
  const counts = new Map<number, number>();
  for (const { value } of given) counts.set(formOf(value), (counts.get(formOf(value)) ?? 0) + 1);
  // Forms stand in the order in which they came.
  return [...counts].reduce((most, next) => (next[1] > most[1] ? next : most))[0];
}

function meanOf(given: readonly Contribution[]): Result {
  const weight = weightOf(given);
  const [first] = given;
  if (first === undefined || typeof first.value === 'number') {
    return given.reduce((sum, one) => sum + elements(one.sum).reduce((total, value) => total + value, 0), 0) / weight;
  }
  return first.value.map((_, i) => given.reduce((sum, one) => sum + (elements(one.sum)[i] ?? 0), 0) / weight);
}

function weightOf(given: readonly Contribution[]): number {
  return given.reduce((sum, one) => sum + one.weight, 0);
}

function elements(result: Result): readonly number[] {
  return typeof result === 'number' ? [result] : result;
}

function otherForm(value: Result, form: number, clients: number): string {
  const others = `${clients} other ${clients === 1 ? 'client gives' : 'clients give'}`;
  return `is ${formText(formOf(value))}, where ${others} ${formText(form)}`;
}

function formText(form: number): string {
  return form < 0 ? 'a number' : `a list of ${form}`;
}
