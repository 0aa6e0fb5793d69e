import { FedloomError } from '@fedloom/engine';
import { didYouMean } from '../../core/closest.js';
import {
  type BestRule,
  isBetter,
  isReached,
  parseBestRule,
  parseStopRule,
  type StopRule,
} from '../../core/metric-rules.js';
import type { BestRound, RoundRecord } from '../../core/records.js';
import type { Task } from '../../task/task.js';
import type { Reason } from '../schedule/types.js';
import type { RunOptions } from './run-options.js';

/** What of a run's options follows its metrics. */
export type WatchOptions = Pick<RunOptions, 'keepBest' | 'stopWhen' | 'patience'>;

/** What patience is with, where nobody says what is best. */
const LOSS: BestRule = { metric: 'loss', direction: 'min' };

/**
 * Follows the metrics of a run: which round was the best, and whether it is to end early. It is a function of the records
 * alone, in their order: a run that is resumed or replayed comes to the same.
 *
 * A name is looked for in the server's metrics first, then in those of the clients. Rounds that are void, or were not
 * evaluated, say nothing.
 */
export class MetricWatch {
  readonly #best: BestRule | undefined;
  readonly #stop: StopRule | undefined;
  readonly #patience: number | undefined;
  readonly #keeps: boolean;
  readonly #told = new Set<string>();
  #bestRound: BestRound | undefined;
  #sinceBest = 0;
  #stopped: Reason | undefined;

  /** @throws FedloomError `metric.rule` */
  constructor(options: WatchOptions) {
    const { keepBest, stopWhen, patience } = options;
    this.#keeps = keepBest !== undefined;
    this.#best = bestRuleOf(options);
    this.#stop = stopWhen === undefined ? undefined : parseStopRule(stopWhen);
    this.#patience = patience;
  }

  /** The best round so far, where its model is to be kept. */
  get best(): BestRound | undefined {
    return this.#keeps ? this.#bestRound : undefined;
  }

  /** Why the run ends here; undefined: it goes on. */
  get stopped(): Reason | undefined {
    return this.#stopped;
  }

  /**
   * Takes the next record.
   * @returns names that were to be watched and that it lacks, each once, and whether it is the best so far
   */
  add(record: RoundRecord): { readonly isBest: boolean; readonly missing: readonly string[] } {
    const { round, version, voided, metrics, clientMetrics } = record;
    if (voided !== null || (metrics === null && clientMetrics === null)) return { isBest: false, missing: [] };
    const values: Readonly<Record<string, unknown>> = { ...clientMetrics, ...metrics };
    const isBest = this.#addBest(values, round, version.number);
    this.#checkStop(values, round);
    const watched = [this.#best?.metric, this.#stop?.metric].filter((name) => name !== undefined);
    const missing = watched.filter((name) => typeof values[name] !== 'number' && !this.#told.has(name));
    for (const name of missing) this.#told.add(name);
    return { isBest: isBest && this.#keeps, missing };
  }

  #addBest(values: Readonly<Record<string, unknown>>, round: number, version: number): boolean {
    if (this.#best === undefined) return false;
    const { metric, direction } = this.#best;
    const value = values[metric];
    if (typeof value !== 'number') return false;
    if (this.#bestRound === undefined || isBetter(value, this.#bestRound.value, direction)) {
      this.#bestRound = { round, metric, value, version };
      this.#sinceBest = 0;
      return true;
    }
    this.#sinceBest += 1;
    if (this.#patience !== undefined && this.#sinceBest >= this.#patience && this.#stopped === undefined) {
      const { round: bestRound, value: best } = this.#bestRound;
      const times = this.#sinceBest === 1 ? 'evaluation' : `${this.#sinceBest} evaluations`;
      const what = `${metric} was not ${direction === 'min' ? 'below' : 'above'} ${shown(best)}, that of round ${bestRound + 1}`;
      this.#end(round, `${what}, in the last ${times}`);
    }
    return false;
  }

  #checkStop(values: Readonly<Record<string, unknown>>, round: number): void {
    if (this.#stop === undefined || this.#stopped !== undefined) return;
    const { metric, operator, bound } = this.#stop;
    const value = values[metric];
    if (typeof value === 'number' && isReached(value, this.#stop)) {
      this.#end(round, `${metric} is ${shown(value)}, and so ${operator} ${bound}`);
    }
  }

  /** The run ends here, whatever the metrics say. @param why for people */
  stop(round: number, why: string): void {
    if (this.#stopped === undefined) this.#end(round, why);
  }

  #end(round: number, why: string): void {
    this.#stopped = { code: 'run.stopped', message: `Ended after round ${round + 1}: ${why}.` };
  }
}

function bestRuleOf({ keepBest, patience }: WatchOptions): BestRule | undefined {
  if (keepBest !== undefined) return parseBestRule(keepBest);
  return patience === undefined ? undefined : LOSS;
}

function shown(value: number): string {
  return String(Number(value.toPrecision(5)));
}

/**
 * Refuses names that no round can have, where that is known before: of a plan whose results nobody but us puts together.
 * @throws FedloomError `metric.unknown`, `metric.rule`
 */
export function checkWatched(
  task: Task,
  { keepBest, stopWhen }: WatchOptions,
  meanAggregator: Task['resultAggregator'],
): void {
  const watched = [
    ...(keepBest === undefined ? [] : [parseBestRule(keepBest).metric]),
    ...(stopWhen === undefined ? [] : [parseStopRule(stopWhen).metric]),
  ];
  if (task.kind !== 'plan' || task.resultAggregator !== meanAggregator) return;
  const names = ['loss', ...task.metrics.flatMap((metric) => ('shape' in metric ? [] : [metric.name]))];
  const unknown = watched.find((name) => !names.includes(name));
  if (unknown === undefined) return;
  if (task.metrics.some(({ name }) => name === unknown)) {
    const many = `Nothing is better or worse by "${unknown}" of task "${task.name}", which is many numbers. Take ${names.join(', ')}.`;
    throw new FedloomError('metric.unknown', many, { metric: unknown, names });
  }
  const message = `Task "${task.name}" reports no "${unknown}", but ${names.join(', ')}.${didYouMean(unknown, names)}`;
  throw new FedloomError('metric.unknown', message, { metric: unknown, names });
}

/** Of a round without what the run goes by. */
export function noSuchMetric(missing: readonly string[], { round, metrics, clientMetrics }: RoundRecord) {
  const all = Object.entries({ ...clientMetrics, ...metrics });
  const names = all.filter(([, value]) => typeof value === 'number').map(([name]) => name);
  const message = `Round ${round + 1} has no number ${missing.join(' and no number ')} to go by; it has ${names.join(', ') || 'nothing'}.`;
  return { code: 'metric.missing', message };
}
