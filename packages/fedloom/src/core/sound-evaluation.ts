import type { Evaluation, Statistic, Statistics } from './evaluation.js';
import type { Results } from './records.js';

/** More samples than any client tests on: who says so is mistaken, and would outweigh everybody else. */
export const TEST_SAMPLES_MAX = 1e9;

/** Larger values are no results: sums of them over all clients and samples, and their means, stay finite. */
export const RESULT_MAX = 1e200;
const WEIGHT_MAX = 1e100;

export interface ResultLimits {
  readonly namesMax: number;
  readonly nameLengthMax: number;
  readonly listLengthMax: number;
}

const UNBOUNDED: ResultLimits = { namesMax: Infinity, nameLengthMax: Infinity, listLengthMax: Infinity };
const SHOWN = 60;
const REASON_LENGTH_MAX = 256;

/**
 * What of an evaluation can be counted, name by name: numbers and lists of numbers that are finite. `unsound` says of each
 * other name why it cannot. An evaluation on no samples says nothing.
 * @param limits of what can travel
 * @returns text: why none of it can be counted, to continue a sentence that names whose test it is
 */
export function soundEvaluation(tested: Evaluation, limits: ResultLimits = UNBOUNDED): Evaluation | string {
  const { unsound: before, ...own } = tested;
  const { sampleCount, statistics, results } = own;
  if (!(Number.isSafeInteger(sampleCount) && sampleCount >= 0 && sampleCount <= TEST_SAMPLES_MAX)) {
    return `gave a sample count of ${shown(sampleCount)}; it must be a whole number from 0 to ${TEST_SAMPLES_MAX}`;
  }
  if (sampleCount === 0) return { sampleCount, statistics: {} };
  if (!isNamed(statistics))
    return `gave ${shown(statistics)} as statistics; they must be an object of named { sum, weight }`;
  if (results !== undefined && !isNamed(results)) {
    return `gave ${shown(results)} as results; they must be an object of named numbers, such as { accuracy: 0.9 }`;
  }
  const unsound = new Map<string, string>(isNamed(before) ? Object.entries(before) : []);
  const keep = <T>(entries: Readonly<Record<string, T>>, problemOf: (value: T) => string | undefined) =>
    Object.fromEntries(
      Object.entries(entries).filter(([name, value]) => {
        const problem = problemOfName(name, limits) ?? problemOf(value);
        if (problem !== undefined) unsound.set(name, problem);
        return problem === undefined;
      }),
    );
  const soundStatistics: Statistics = keep(statistics, (statistic: Statistic) => problemOfStatistic(statistic, limits));
  const soundResults: Results = keep(results ?? {}, (value) => problemOfResult(value, limits));
  return {
    // In the order that they came in.
    ...own,
    statistics: soundStatistics,
    ...(results !== undefined && { results: soundResults }),
    ...(unsound.size > 0 && { unsound: told(unsound, limits) }),
  };
}

/** As much as can travel, under names that can. */
function told(unsound: ReadonlyMap<string, string>, { namesMax, nameLengthMax }: ResultLimits): Record<string, string> {
  const entries = [...unsound].slice(0, namesMax).map(([name, reason]): [string, string] => {
    const usable = name === '' || name === '__proto__' ? `(${name})` : name.slice(0, nameLengthMax);
    return [usable, String(reason).slice(0, REASON_LENGTH_MAX)];
  });
  return Object.fromEntries(entries);
}

function problemOfName(name: string, { nameLengthMax }: ResultLimits): string | undefined {
  // It would change the prototype of whatever a later owner copies the record into.
  if (name === '' || name === '__proto__') return 'that is no name for a result';
  return name.length > nameLengthMax ? `its name has more than ${nameLengthMax} characters` : undefined;
}

/** Why a statistic cannot be counted; undefined: it can. */
export function problemOfStatistic(statistic: Statistic, limits: ResultLimits = UNBOUNDED): string | undefined {
  if (!isNamed(statistic)) return `is ${shown(statistic)}, in place of { sum, weight }`;
  const { sum, weight } = statistic;
  if (!(Number.isFinite(weight) && weight > 0))
    return `has the weight ${shown(weight)}; it must be a finite number above 0`;
  if (weight > WEIGHT_MAX || weight < 1 / WEIGHT_MAX)
    return `has the weight ${shown(weight)}; it must be from ${1 / WEIGHT_MAX} to ${WEIGHT_MAX}`;
  return problemOfResult(sum, limits);
}

/** Why a value is no result: a number of magnitude `RESULT_MAX` at most, or a list of them; undefined: it is one. */
export function problemOfResult(value: unknown, { listLengthMax }: ResultLimits = UNBOUNDED): string | undefined {
  if (!Array.isArray(value)) return isSound(value) ? undefined : `is ${shown(value)}`;
  if (value.length === 0) return 'is an empty list';
  if (value.length > listLengthMax) return `is a list of ${value.length}; at most ${listLengthMax} travel`;
  const bad = value.findIndex((element) => !isSound(element));
  return bad < 0 ? undefined : `holds ${shown(value[bad])} at place ${bad + 1}`;
}

function isSound(value: unknown): boolean {
  return Number.isFinite(value) && Math.abs(value as number) <= RESULT_MAX;
}

function isNamed(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  const text = typeof value === 'number' || value === undefined ? String(value) : textOf(value);
  return text.length <= SHOWN ? text : `${text.slice(0, SHOWN - 1)}…`;
}

function textOf(value: unknown): string {
  try {
    return typeof value === 'bigint' ? `${value}n` : (JSON.stringify(value) ?? String(value));
  } catch {
    // Circles, and lists that are nested too deeply to be written.
    return Object.prototype.toString.call(value);
  }
}
