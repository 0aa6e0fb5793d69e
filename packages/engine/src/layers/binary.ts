import { FedloomError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import { checkBinary } from './context-checks.js';
import { defineLoss, defineMetric } from './define.js';
import { optionsProblem, show } from './layer-checks.js';
import type { Loss, LossContext, Metric } from './types.js';

/**
 * -t log s - (1 - t) log(1 - s) with s = sigmoid(prediction), the mean over the sample's outputs: for labels 0 and 1 and a
 * model that ends with dense(1), or targets from 0 to 1 of the predictions' shape. As torch.nn.BCEWithLogitsLoss; Keras says
 * BinaryCrossentropy(from_logits=True). Finite for any prediction.
 */
export function binaryCrossEntropyWithLogits(): Loss<'binaryCrossEntropyWithLogits'> {
  const name = 'binaryCrossEntropyWithLogits';
  return defineLoss({
    name,
    check: (context) => checkBinary(name, context, 'loss.shape'),
    prepareTarget: binaryTarget,
    perSample: (g, prediction, target, context) => overOutputs(g, g.binaryCrossEntropy(prediction, target), context),
    readings(g, prediction, { predictionShape }) {
      const ones = g.cast(g.greater(prediction, 0), 'int64');
      const isSingle = predictionShape.length === 1 && predictionShape[0] === 1;
      const said = isSingle ? { label: g.reshape(ones, [prediction.shape[0] ?? 1]) } : { labels: ones };
      return { probabilities: g.sigmoid(prediction), ...said };
    },
  });
}

export interface BinaryAccuracyOptions {
  /** A prediction above it says 1. Default 0, for predictions before the sigmoid; 0.5 for a model that ends with sigmoid(). */
  readonly threshold?: number;
}

/** 1 where a prediction is on the side of the threshold that its target, 0 or 1, is on, else 0; the mean over the sample's outputs. */
export function binaryAccuracy(options: BinaryAccuracyOptions = {}): Metric<'binaryAccuracy'> {
  const name = 'binaryAccuracy';
  const problem = optionsProblem(name, options, ['threshold']);
  if (problem !== undefined) throw new FedloomError('metric.option', problem, { option: 'options', value: options });
  const { threshold = 0 } = options;
  if (!Number.isFinite(threshold)) {
    const message = `binaryAccuracy: threshold is ${show(threshold)}; give a finite number.`;
    throw new FedloomError('metric.option', message, { option: 'threshold', value: threshold });
  }
  return defineMetric({
    name,
    check: (context) => checkBinary(name, context, 'metric.shape'),
    prepareTarget: binaryTarget,
    perSample(g, prediction, target, context) {
      const said = g.cast(g.greater(prediction, threshold), 'float32');
      const meant = g.cast(g.greater(target, 0.5), 'float32');
      return overOutputs(g, g.sub(1, g.abs(g.sub(said, meant))), context);
    },
  });
}

/** Labels as floats of the predictions' shape. */
export function binaryTarget(g: Graph, target: Value, { targetShape, predictionShape }: LossContext): Value {
  const floats = g.cast(target, 'float32');
  return targetShape.length === predictionShape.length ? floats : g.reshape(floats, [...target.shape, 1]);
}

function overOutputs(g: Graph, values: Value, { predictionShape }: LossContext): Value {
  return g.mean(
    values,
    predictionShape.map((_, axis) => axis - predictionShape.length),
  );
}
