import { contextError } from './context-checks.js';
import { defineMetric } from './define.js';
import { shapeText } from './layer-checks.js';
import { stacking } from './stacking.js';
import type { LossContext, Metric } from './types.js';

/** 1 where the largest of the predictions is at the label's place, else 0; the first of equals counts. */
export function accuracy(): Metric<'accuracy'> {
  const metric = defineMetric({
    name: 'accuracy',
    check: checkClasses,
    perSample: (g, prediction, target) => g.cast(g.equal(g.argMax(prediction, -1), g.cast(target, 'int64')), 'float32'),
  });
  return stacking(metric);
}

function checkClasses(context: LossContext): void {
  const { predictionShape, targetShape, classes } = context;
  if (classes === undefined || targetShape.length !== 0) {
    const message =
      'accuracy counts right class labels, but the data declare no number of classes: give classes where y are labels, or ' +
      'take meanAbsoluteError() or r2() for numbers.';
    throw contextError('metric.shape', message, context);
  }
  if (predictionShape.length === 1 && predictionShape[0] === classes) return;
  const remedy =
    shapeText(predictionShape) === '[1]' && classes === 2
      ? 'take binaryAccuracy(), or end the model with dense(2)'
      : `end the model with dense(${classes})`;
  const message = `accuracy needs one prediction for each of ${classes} classes, but the model gives ${shapeText(predictionShape)}: ${remedy}.`;
  throw contextError('metric.shape', message, context);
}
