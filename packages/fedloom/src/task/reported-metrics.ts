import type { Metric } from '@fedloom/engine';
import { textWithPlace } from '../core/own-code-place.js';
import type { Results } from '../core/records.js';

/** Results as they are told, and of each that is not why. */
export interface ReportedResults {
  readonly results: Results;
  readonly problems: readonly string[];
}

/**
 * Results as they are told: metrics that are made of several sums (R², AUC) come as the means of these, and leave as what they make
 * of them. One that these do not determine is left out; so is one whose own code throws, or gives no number.
 */
export function reportedMetrics(metrics: readonly Metric[]): (results: Results) => ReportedResults {
  const makers = new Map(
    metrics.flatMap((metric) => (metric.value === undefined ? [] : [[metric.name, metric] as const])),
  );
  if (makers.size === 0) return (results) => ({ results, problems: [] });
  return (results) => {
    const problems: string[] = [];
    const told = Object.entries(results).flatMap(([name, given]) => {
      const maker = makers.get(name);
      // Numbers under that name are of a result aggregator that made its own.
      if (maker?.value === undefined || typeof given === 'number') return [[name, given]];
      try {
        const value: unknown = maker.value(given);
        if (typeof value !== 'number') problems.push(`"${name}": its value is ${String(value)}, and no number`);
        return typeof value !== 'number' || Number.isNaN(value) ? [] : [[name, value]];
      } catch (error) {
        problems.push(`"${name}": ${textWithPlace(error)}`);
        return [];
      }
    });
    return { results: Object.fromEntries(told), problems };
  };
}
