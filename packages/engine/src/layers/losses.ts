import { FedloomError } from '../errors.js';
import { shapeText } from './layer-checks.js';
import { defineLoss, type Loss, type LossContext } from './types.js';

/**
 * -log softmax(prediction)[label], with predictions `[classes]` before the softmax and labels 0 .. classes-1.
 * As torch.nn.CrossEntropyLoss.
 */
export function softmaxCrossEntropy(): Loss {
  return defineLoss({
    name: 'softmaxCrossEntropy',
    check: checkClasses,
    prepareTarget: (g, target, { predictionShape }) => g.oneHot(target, predictionShape[0]!),
    perSample: (g, prediction, target) => g.softmaxCrossEntropy(prediction, target),
    stacks: true,
  });
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
export function meanSquaredError(): Loss {
  return defineLoss({
    name: 'meanSquaredError',
    check({ predictionShape, targetShape, classes }) {
      if (classes !== undefined || shapeText(predictionShape) !== shapeText(targetShape)) {
        throw new FedloomError(
          'loss.shape',
          `meanSquaredError needs float32 targets of the predictions' shape ${shapeText(predictionShape)}, but the ` +
            `data's y has ${classes === undefined ? `shape ${shapeText(targetShape)}` : `class labels`}: ` +
            'make the last layer fit the targets, or declare y as float32.',
          { predictionShape, targetShape, classes },
        );
      }
    },
    perSample(g, prediction, target, { targetShape }) {
      const squares = g.square(g.sub(prediction, target));
      return g.mean(
        squares,
        targetShape.map((_, axis) => axis - targetShape.length),
      );
    },
  });
}
