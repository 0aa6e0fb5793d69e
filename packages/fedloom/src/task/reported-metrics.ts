import type { AnyMetric, MetricSpec } from '@fedloom/engine';
import { textWithPlace } from '../core/own-code-place.js';
import type { ReportedResult, ReportedResults, Results } from '../core/records.js';

/** Results as they are told, and of each that is not why. */
export interface Reported {
  readonly results: ReportedResults;
  readonly problems: readonly string[];
}

/**
 * @param results means, by name
 * @param samples what they are the means of, by name
 */
export type Report = (results: Results, samples: (name: string) => number) => Reported;

/** What a result is told as; undefined: nothing, which is in order; text: why it cannot be. */
type Maker = (means: readonly number[], samples: number) => ReportedResult | undefined | string;

/**
 * Results as they are told: metrics that are made of several sums (R², AUC, a confusion matrix) come as the means of these, and leave as
 * what they make of them. One that these do not determine is left out; so is one whose own code throws, or gives something else.
 * @param specs the same metrics in the manifest of their plan
 */
export function reportedMetrics(metrics: readonly AnyMetric[], specs: readonly MetricSpec[]): Report {
  const makers = new Map(metrics.flatMap((metric) => makerOf(metric, specs)));
  if (makers.size === 0) return (results) => ({ results, problems: [] });
  return (results, samples) => {
    const problems: string[] = [];
    const told = Object.entries(results).flatMap(([name, given]): [string, ReportedResult][] => {
      const maker = makers.get(name);
      // Numbers under that name are of a result aggregator that made its own.
      if (maker === undefined || typeof given === 'number') return [[name, given]];
      try {
        const value = maker(given, samples(name));
        if (typeof value === 'string') problems.push(`"${name}": ${value}`);
        return value === undefined || typeof value === 'string' ? [] : [[name, value]];
      } catch (error) {
        problems.push(`"${name}": ${textWithPlace(error)}`);
        return [];
      }
    });
    return { results: Object.fromEntries(told), problems };
  };
}

function makerOf(metric: AnyMetric, specs: readonly MetricSpec[]): [string, Maker][] {
  const { name } = metric;
  if ('shape' in metric) {
    const { shape = [] } = specs.find((spec) => spec.name === name) ?? {};
    return [[name, (means, samples) => inShape(metric.value(means, samples), shape)]];
  }
  if (metric.value === undefined) return [];
  return [[name, (means) => numberOf(metric.value?.(means))]];
}

function numberOf(value: unknown): number | undefined | string {
  if (typeof value !== 'number') return `its value is ${String(value)}, and no number`;
  return Number.isNaN(value) ? undefined : value;
}

function inShape(values: unknown, shape: readonly number[]): ReportedResult | undefined | string {
  const size = shape.reduce((product, extent) => product * extent, 1);
  const isList = Array.isArray(values) && values.length === size && values.every((one) => typeof one === 'number');
  if (!isList) return `its value is no list of ${size} numbers`;
  return values.some(Number.isNaN) ? undefined : nested(values, shape);
}

/** Row by row. */
function nested(values: readonly number[], shape: readonly number[]): ReportedResult {
  const [extent, ...inner] = shape;
  if (extent === undefined || inner.length === 0) return values;
  const size = values.length / extent;
  return Array.from({ length: extent }, (_, row) => nested(values.slice(row * size, (row + 1) * size), inner));
}
