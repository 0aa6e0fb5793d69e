import type { ClientIndex } from '../../core/brands.js';
import type { Evaluation } from '../../core/evaluation.js';
import { problemOfResult, problemOfStatistic, TEST_SAMPLES_MAX } from '../../core/sound-evaluation.js';
import { evaluationSize } from '../../protocol/evaluation-size.js';
import type { Reason } from '../schedule/types.js';

/** What the evaluations of a round may hold together; each client has its part of it. */
const ROUND_NUMBERS_MAX = 1 << 22;
const ROUND_CHARS_MAX = 1 << 24;
/** What each client may say however many there are. */
const CLIENT_NUMBERS_MIN = 32;
const CLIENT_CHARS_MIN = 1 << 10;

export interface EvaluationBoundsOptions {
  /** Clients in the federation. */
  readonly clients: number;
  /** As `ServerWorkload.metrics`. */
  readonly metrics?: ReadonlyMap<string, number | undefined> | undefined;
}

/**
 * What a client's evaluation may be. A plan's metrics are known, so it is those and nothing else. What a trainer tests is known to
 * nobody here: it is bounded, so that a round's results are as well, whoever comes first.
 */
export class EvaluationBounds {
  readonly #metrics: EvaluationBoundsOptions['metrics'];
  readonly #numbersMax: number;
  readonly #charsMax: number;

  constructor({ clients, metrics }: EvaluationBoundsOptions) {
    this.#metrics = metrics;
    this.#numbersMax = Math.max(CLIENT_NUMBERS_MIN, Math.floor(ROUND_NUMBERS_MAX / clients));
    this.#charsMax = Math.max(CLIENT_CHARS_MIN, Math.floor(ROUND_CHARS_MAX / clients));
  }

  /** Why none of an evaluation is taken; undefined: it is. */
  problem(client: ClientIndex, evaluation: Evaluation): Reason | undefined {
    const { sampleCount } = evaluation;
    if (!(Number.isSafeInteger(sampleCount) && sampleCount >= 0 && sampleCount <= TEST_SAMPLES_MAX)) {
      const message = `Client ${client} says that it tested on ${sampleCount} samples; it must be a whole number from 0 to ${TEST_SAMPLES_MAX}.`;
      return { code: 'evaluation.sample-count', message };
    }
    return this.#problemOfNames(client, evaluation) ?? problemOfValues(client, evaluation);
  }

  #problemOfNames(client: ClientIndex, evaluation: Evaluation): Reason | undefined {
    if (this.#metrics !== undefined) return problemOfMetrics(client, evaluation, this.#metrics);
    const { numbers, nameChars } = evaluationSize(evaluation);
    if (numbers <= this.#numbersMax && nameChars <= this.#charsMax) return undefined;
    const message =
      `The evaluation of client ${client} has ${numbers} numbers and ${nameChars} characters of names and reasons; in a federation ` +
      `of this size each client may have ${this.#numbersMax} and ${this.#charsMax}.`;
    return { code: 'evaluation.size', message };
  }
}

function problemOfMetrics(
  client: ClientIndex,
  { statistics, results = {}, unsound = {} }: Evaluation,
  metrics: ReadonlyMap<string, number | undefined>,
): Reason | undefined {
  const refused = (name: string, why: string): Reason => ({
    code: 'evaluation.metric',
    message: `Client ${client} tells "${name}", ${why}.`,
  });
  const [result] = Object.keys(results);
  if (result !== undefined) return refused(result, 'as a result of training code of its own; this run has a plan');
  const strange = [...Object.keys(statistics), ...Object.keys(unsound)].find((name) => !metrics.has(name));
  if (strange !== undefined) return refused(strange, "which is no metric of the run's plan");
  for (const [name, { sum }] of Object.entries(statistics)) {
    const size = metrics.get(name);
    const actual = typeof sum === 'number' ? undefined : sum.length;
    if (actual !== size) return refused(name, `as ${form(actual)}; the run's plan makes it ${form(size)}`);
  }
  return undefined;
}

function form(size: number | undefined): string {
  return size === undefined ? 'a number' : `a list of ${size}`;
}

function problemOfValues(client: ClientIndex, { statistics, results = {} }: Evaluation): Reason | undefined {
  for (const [name, statistic] of Object.entries(statistics)) {
    const problem = problemOfStatistic(statistic);
    if (problem !== undefined) return value(client, name, problem);
  }
  for (const [name, result] of Object.entries(results)) {
    const problem = problemOfResult(result);
    if (problem !== undefined) return value(client, name, problem);
  }
  return undefined;
}

function value(client: ClientIndex, name: string, problem: string): Reason {
  return { code: 'evaluation.value', message: `What client ${client} tells as "${name}" ${problem}.` };
}
