import { FedloomError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import { checkRegression } from './context-checks.js';
import { defineLoss } from './define.js';
import { optionsProblem, shapeText, show } from './layer-checks.js';
import { stacking } from './stacking.js';
import type { Loss, LossContext } from './types.js';

export interface SoftmaxCrossEntropyOptions {
  /** So much of each label is shared out over all classes alike, from 0 to below 1 (Szegedy et al. 2016, arXiv 1512.00567). Default 0. */
  readonly labelSmoothing?: number;
}

/**
 * -log softmax(prediction)[label], with predictions `[classes]` before the softmax and labels 0 .. classes-1.
 * As torch.nn.CrossEntropyLoss.
 */
export function softmaxCrossEntropy(options: SoftmaxCrossEntropyOptions = {}): Loss<'softmaxCrossEntropy'> {
  const problem = optionsProblem('softmaxCrossEntropy', options, ['labelSmoothing']);
  if (problem !== undefined) throw new FedloomError('loss.option', problem, { option: 'options', value: options });
  const { labelSmoothing = 0 } = options;
  if (typeof labelSmoothing !== 'number' || !(labelSmoothing >= 0 && labelSmoothing < 1)) {
    const message = `softmaxCrossEntropy: labelSmoothing is ${show(labelSmoothing)}; it must be at least 0 and below 1.`;
    throw new FedloomError('loss.option', message, { option: 'labelSmoothing', value: labelSmoothing });
  }
  const loss = defineLoss({
    name: 'softmaxCrossEntropy',
    check: checkClasses,
    prepareTarget(g, target, { predictionShape }) {
      const classes = predictionShape[0]!;
      const hot = g.oneHot(target, classes);
      return labelSmoothing === 0 ? hot : g.add(g.mul(hot, 1 - labelSmoothing), labelSmoothing / classes);
    },
    perSample: (g, prediction, target) => g.softmaxCrossEntropy(prediction, target),
    readings: (g, prediction) => ({ probabilities: g.softmax(prediction), label: g.argMax(prediction, -1) }),
  });
  return stacking(loss);
}

function checkClasses({ predictionShape, targetShape, classes }: LossContext): void {
  if (classes === undefined || targetShape.length !== 0) {
    throw new FedloomError(
      'loss.shape',
      `softmaxCrossEntropy needs one class label a sample, but the data's y has shape ${shapeText(targetShape)}` +
        `${classes === undefined ? ' and no number of classes' : ''}: declare y as int32 of shape [] with classes.`,
      { predictionShape, targetShape, classes },
    );
  }
  if (predictionShape.length !== 1 || predictionShape[0] !== classes) {
    throw new FedloomError(
      'loss.shape',
      `softmaxCrossEntropy needs predictions of shape [${classes}], one for each class, but the model's last layer ` +
        `gives ${shapeText(predictionShape)}: end the model with dense(${classes}).`,
      { predictionShape, targetShape, classes },
    );
  }
}

/** The mean over the sample's outputs of half the square near 0, and of delta (|difference| - delta / 2) farther out. As torch.nn.HuberLoss. */
export function huber(delta = 1): Loss<'huber'> {
  if (typeof delta !== 'number' || !(delta > 0 && delta < Number.POSITIVE_INFINITY)) {
    const message = `huber: delta is ${show(delta)}; it must be a finite number above 0.`;
    throw new FedloomError('loss.option', message, { option: 'delta', value: delta });
  }
  return regression('huber', (g, difference) => {
    const size = g.abs(difference);
    const near = g.minimum(size, delta);
    return g.mul(near, g.sub(size, g.mul(near, 0.5)));
  });
}

/** The mean over the sample's outputs of (prediction - target)². As torch.nn.MSELoss, whose mean is over all elements. */
export function meanSquaredError(): Loss<'meanSquaredError'> {
  return regression('meanSquaredError', (g, difference) => g.square(difference));
}

/** The mean over the sample's outputs of |prediction - target|. As torch.nn.L1Loss. A loss, and a metric. */
export function meanAbsoluteError(): Loss<'meanAbsoluteError'> {
  return regression('meanAbsoluteError', (g, difference) => g.abs(difference));
}

function regression<const Name extends string>(name: Name, error: (g: Graph, difference: Value) => Value): Loss<Name> {
  return defineLoss({
    name,
    check: (context) => checkRegression(name, context, 'loss.shape'),
    prepareTarget: (g, target) => g.cast(target, 'float32'),
    perSample: (g, prediction, target, { targetShape }) =>
      g.mean(
        error(g, g.sub(prediction, target)),
        targetShape.map((_, axis) => axis - targetShape.length),
      ),
  });
}
