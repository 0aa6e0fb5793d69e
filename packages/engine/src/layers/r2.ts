import { checkRegression } from './context-checks.js';
import { defineMetric } from './define.js';
import type { Metric } from './types.js';

/** What is added up for each output: y, the two halves of y², (prediction - y)². */
const SUMS = 4;

/**
 * The coefficient of determination over all samples of all clients, 1 - sum (prediction - y)² / sum (y - mean y)²; of several
 * outputs the mean. As sklearn.metrics.r2_score. Nothing where all targets are equal.
 */
export function r2(): Metric<'r2'> {
  return defineMetric({
    name: 'r2',
    check: (context) => checkRegression('r2', context, 'metric.shape'),
    size: ({ targetShape }) => SUMS * targetShape.reduce((product, extent) => product * extent, 1),
    perSample(g, prediction, target, { targetShape }) {
      const outputs = targetShape.reduce((product, extent) => product * extent, 1);
      const rows = (x: typeof target) => g.reshape(x, [x.shape[0]!, outputs]);
      const y = rows(g.cast(target, 'float32'));
      // The variance is a difference of large numbers: squares in float64, as two float32 that say them together.
      const square = g.square(g.cast(y, 'float64'));
      const high = g.cast(square, 'float32');
      const low = g.cast(g.sub(square, g.cast(high, 'float64')), 'float32');
      return g.concat([y, high, low, g.square(g.sub(rows(prediction), y))], 1);
    },
    value(means) {
      const outputs = means.length / SUMS;
      const each = Array.from({ length: outputs }, (_, at) => {
        const [y, high, low, error] = [0, 1, 2, 3].map((part) => means[part * outputs + at]!) as [
          number,
          number,
          number,
          number,
        ];
        const variance = high + low - y * y;
        return variance > 0 ? 1 - error / variance : Number.NaN;
      });
      return each.reduce((sum, one) => sum + one, 0) / outputs;
    },
  });
}
