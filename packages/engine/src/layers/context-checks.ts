import { FedloomError } from '../errors.js';
import { shapeText } from './layer-checks.js';
import type { LossContext } from './types.js';

/** Of a loss, or of a metric. */
type Code = 'loss.shape' | 'metric.shape';

export function contextError(code: Code, message: string, context: LossContext): FedloomError {
  const { predictionShape, targetShape, classes } = context;
  return new FedloomError(code, message, { predictionShape, targetShape, classes });
}

/** Targets must be numbers, as many as the model predicts. */
export function checkRegression(name: string, context: LossContext, code: Code): void {
  const { predictionShape, targetShape, classes } = context;
  if (classes !== undefined) {
    throw contextError(
      code,
      `${name} needs targets that are numbers, but the data's y are labels of ${classes} classes: leave out the number ` +
        'of classes where y are numbers, or take softmaxCrossEntropy() or binaryCrossEntropyWithLogits(), and accuracy() or ' +
        'binaryAccuracy().',
      context,
    );
  }
  if (shapeText(predictionShape) === shapeText(targetShape)) return;
  const [outputs] = targetShape;
  const remedy =
    targetShape.length > 1 || outputs === undefined
      ? `make the last layers give ${shapeText(targetShape.length === 0 ? [1] : targetShape)}`
      : `end the model with dense(${outputs})`;
  throw contextError(
    code,
    `${name} needs predictions of the targets' shape, but the model gives ${shapeText(predictionShape)} for each sample ` +
      `and the data's y has ${shapeText(targetShape)}: ${remedy}.`,
    context,
  );
}

/** Labels 0 and 1 with one prediction a sample, or targets from 0 to 1 of the predictions' shape. */
export function checkBinary(name: string, context: LossContext, code: Code): void {
  const { predictionShape, targetShape, classes } = context;
  if (classes === undefined) {
    if (shapeText(predictionShape) === shapeText(targetShape)) return;
    throw contextError(
      code,
      `${name} needs predictions of the targets' shape, but the model gives ${shapeText(predictionShape)} for each sample ` +
        `and the data's y has ${shapeText(targetShape)}: end the model with dense(${targetShape[0] ?? 1}).`,
      context,
    );
  }
  if (classes === 2 && shapeText(predictionShape) === '[1]') return;
  const remedy =
    classes === 2 ? 'end the model with dense(1)' : `take softmaxCrossEntropy() and accuracy() for ${classes} classes`;
  throw contextError(
    code,
    `${name} needs labels of 2 classes and one prediction for each sample, but the data has ${classes} classes and the ` +
      `model gives ${shapeText(predictionShape)}: ${remedy}.`,
    context,
  );
}

/** Labels of classes, one a sample, and one prediction for each class. Of a metric. @throws FedloomError `metric.shape` */
export function checkClasses(name: string, context: LossContext): void {
  if (context.classes !== undefined && context.targetShape.length > 0) {
    const message = `${name} takes one label a sample, but the data's y has ${shapeText(context.targetShape)}: leave it out, or take accuracy().`;
    throw contextError('metric.shape', message, context);
  }
  checkLabels(name, context, 'metric.shape');
}

/** Labels of classes, one a sample or one for each of its positions, and one prediction for each class. */
export function checkLabels(name: string, context: LossContext, code: Code): void {
  const { predictionShape, targetShape, classes } = context;
  if (classes === undefined) {
    const message =
      `${name} counts class labels, but the data declare no number of classes: give classes where y are labels, or ` +
      'take meanAbsoluteError() or r2() for numbers.';
    throw contextError(code, message, context);
  }
  const wanted = shapeText([...targetShape, classes]);
  const given = shapeText(predictionShape);
  if (given === wanted) return;
  const remedy =
    given === '[1]' && classes === 2
      ? 'take binaryAccuracy(), or end the model with dense(2)'
      : predictionShape.length > targetShape.length + 1
        ? 'add flatten() before its first dense layer'
        : `end the model with dense(${classes})`;
  const what = targetShape.length === 0 ? 'one for each class' : 'one for each position and class';
  const message = `${name} needs predictions of shape ${wanted}, ${what}, but the model's last layer gives ${given}: ${remedy}.`;
  throw contextError(code, message, context);
}
