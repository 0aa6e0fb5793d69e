import { FedloomError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import { checkRegression } from './context-checks.js';
import { defineLoss } from './define.js';
import { shapeText } from './layer-checks.js';
import { stacking } from './stacking.js';
import type { Loss, LossContext } from './types.js';

/**
 * -log softmax(prediction)[label], with predictions `[classes]` before the softmax and labels 0 .. classes-1.
 * As torch.nn.CrossEntropyLoss.
 */
export function softmaxCrossEntropy(): Loss<'softmaxCrossEntropy'> {
  const loss = defineLoss({
    name: 'softmaxCrossEntropy',
    check: checkClasses,
    prepareTarget: (g, target, { predictionShape }) => g.oneHot(target, predictionShape[0]!),
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
