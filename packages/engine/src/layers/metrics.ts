import { checkClasses } from './context-checks.js';
import { defineMetric } from './define.js';
import { stacking } from './stacking.js';
import type { Metric } from './types.js';

/** 1 where the largest of the predictions is at the label's place, else 0; the first of equals counts. */
export function accuracy(): Metric<'accuracy'> {
  const metric = defineMetric({
    name: 'accuracy',
    check: (context) => checkClasses('accuracy', context),
    perSample: (g, prediction, target) => g.cast(g.equal(g.argMax(prediction, -1), g.cast(target, 'int64')), 'float32'),
  });
  return stacking(metric);
}
