import type { Metric } from '@fedloom/engine';
import type { Results } from '../core/records.js';

/**
 * Results as they are told: metrics that are made of several sums (R², AUC) come as the means of these, and leave as what they make
 * of them. One that these do not determine is left out.
 */
export function reportedMetrics(metrics: readonly Metric[]): (results: Results) => Results {
  const makers = new Map(
    metrics.flatMap((metric) => (metric.value === undefined ? [] : [[metric.name, metric] as const])),
  );
  if (makers.size === 0) return (results) => results;
  return (results) =>
    Object.fromEntries(
      Object.entries(results).flatMap(([name, given]) => {
        const maker = makers.get(name);
        // Numbers under that name are of a result aggregator that made its own.
        if (maker?.value === undefined || typeof given === 'number') return [[name, given]];
        const value = maker.value(given);
        return Number.isNaN(value) ? [] : [[name, value]];
      }),
    );
}
