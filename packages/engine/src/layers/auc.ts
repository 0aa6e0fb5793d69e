import { FedloomError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import { contextError } from './context-checks.js';
import { defineMetric } from './define.js';
import { optionsProblem, shapeText, show } from './layer-checks.js';
import type { LossContext, Metric } from './types.js';

export interface AucOptions {
  /** Bins of the histograms, from 2 to 2048. Default 200. */
  readonly bins?: number;
}

/**
 * The area under the receiver operating characteristic, for two classes: how likely a sample of class 1 gets a higher probability
 * than one of class 0. From two histograms of the probability of class 1, which add up over clients; two samples in one bin count
 * as a tie, as with Keras's AUC(num_thresholds=200). For predictions before the sigmoid or the softmax. Nothing where one of the
 * classes has no samples.
 */
export function auc(options: AucOptions = {}): Metric<'auc'> {
  const problem = optionsProblem('auc', options, ['bins']);
  if (problem !== undefined) throw new FedloomError('metric.option', problem, { option: 'options', value: options });
  const { bins = 200 } = options;
  if (!Number.isSafeInteger(bins) || bins < 2 || bins > 2048) {
    const message = `auc: bins is ${show(bins)}; give a whole number from 2 to 2048.`;
    throw new FedloomError('metric.option', message, { option: 'bins', value: bins });
  }
  return defineMetric({
    name: 'auc',
    check: checkTwoClasses,
    size: () => 2 * bins,
    perSample(g, prediction, target, context) {
      const scaled = g.mul(probability(g, prediction, context), bins);
      const bin = g.minimum(g.cast(scaled, 'int32'), bins - 1);
      const isOne = g.cast(g.greater(g.cast(g.reshape(target, [target.shape[0]!]), 'float32'), 0.5), 'int32');
      return g.oneHot(g.add(bin, g.mul(isOne, bins)), 2 * bins);
    },
    value: (means) => areaOf(means.slice(0, bins), means.slice(bins)),
  });
}

/** Of class 1, `[batch]`. */
function probability(g: Graph, prediction: Value, { predictionShape }: LossContext): Value {
  const batch = prediction.shape[0]!;
  if (predictionShape[0] === 1) return g.sigmoid(g.reshape(prediction, [batch]));
  const difference = g.sub(g.slice(prediction, 1, 1, 2), g.slice(prediction, 1, 0, 1));
  return g.sigmoid(g.reshape(difference, [batch]));
}

/** How often a one lies above a zero, ties counting half. */
function areaOf(zeros: readonly number[], ones: readonly number[]): number {
  let below = 0;
  let area = 0;
  for (const [bin, count] of ones.entries()) {
    const here = zeros[bin]!;
    area += count * (below + here / 2);
    below += here;
  }
  return area / (below * ones.reduce((sum, one) => sum + one, 0));
}

function checkTwoClasses(context: LossContext): void {
  const { predictionShape, targetShape, classes } = context;
  const shape = shapeText(predictionShape);
  const labelled = classes === 2 && (shape === '[1]' || shape === '[2]');
  const numbers = classes === undefined && shape === '[1]' && shapeText(targetShape) === '[1]';
  if (labelled || numbers) return;
  const message =
    'auc needs labels of 2 classes, and a model that ends with dense(1) or dense(2), but the data has ' +
    `${classes === undefined ? `y of shape ${shapeText(targetShape)}` : `${classes} classes`} and the model gives ${shape}.`;
  throw contextError('metric.shape', message, context);
}
