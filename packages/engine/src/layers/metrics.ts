import { checkLabels } from './context-checks.js';
import { defineMetric } from './define.js';
import {
  checkPositionsOptions,
  counted,
  meanOverPositions,
  type PositionsOptions,
  sumsOverPositions,
} from './positions.js';
import { stacking } from './stacking.js';
import type { Metric } from './types.js';

/**
 * 1 where the largest of the predictions is at the label's place, else 0; the first of equals counts. Where positions have labels: the share
 * of those that count, over all samples.
 * @throws FedloomError `metric.option`
 */
export function accuracy(options: PositionsOptions = {}): Metric<'accuracy'> {
  checkPositionsOptions('accuracy', options, ['ignore'], 'metric.option');
  const metric = defineMetric({
    name: 'accuracy',
    check: (context) => checkLabels('accuracy', context, 'metric.shape'),
    perSample(g, prediction, target, context) {
      const hits = g.cast(g.equal(g.argMax(prediction, -1), g.cast(target, 'int64')), 'float32');
      const counts = counted(g, target, options);
      return counts === undefined
        ? meanOverPositions(g, hits, undefined, context)
        : sumsOverPositions(g, hits, counts, context);
    },
    ...(options.ignore !== undefined && { size: () => 2, value: ([right = 0, all = 0]) => right / all }),
  });
  return options.ignore === undefined ? stacking(metric) : metric;
}

/**
 * e to the mean of -log softmax(prediction)[label] over the positions of all samples that count: what a language model is measured by. For
 * predictions before the softmax, as `softmaxCrossEntropy` takes them.
 * @throws FedloomError `metric.option`
 */
export function perplexity(options: PositionsOptions = {}): Metric<'perplexity'> {
  checkPositionsOptions('perplexity', options, ['ignore'], 'metric.option');
  return defineMetric({
    name: 'perplexity',
    check: (context) => checkLabels('perplexity', context, 'metric.shape'),
    size: () => 2,
    perSample(g, prediction, target, context) {
      const losses = g.softmaxCrossEntropy(prediction, g.oneHot(target, context.classes ?? 1));
      return sumsOverPositions(g, losses, counted(g, target, options), context);
    },
    value: ([total = 0, all = 0]) => Math.exp(total / all),
  });
}
