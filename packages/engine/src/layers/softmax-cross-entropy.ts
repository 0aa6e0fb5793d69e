import { FedloomError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import { checkLabels } from './context-checks.js';
import { defineLoss } from './define.js';
import { shapeText, show } from './layer-checks.js';
import { checkPositionsOptions, counted, meanOverPositions, type PositionsOptions } from './positions.js';
import { stacking } from './stacking.js';
import type { Loss, LossContext } from './types.js';

export interface SoftmaxCrossEntropyOptions extends PositionsOptions {
  /** So much of each label is shared out over all classes alike, from 0 to below 1 (Szegedy et al. 2016, arXiv 1512.00567). Default 0. */
  readonly labelSmoothing?: number;
}

/**
 * -log softmax(prediction)[label], with predictions `[..., classes]` before the softmax and labels 0 .. classes-1: one a sample, or one for
 * each of its positions, of which the mean is taken. Without classes in the data, targets are probabilities `[..., classes]`. As
 * torch.nn.CrossEntropyLoss, where classes are the second axis, not the last, and the mean goes over the positions of all samples together: it
 * differs where samples have unequal numbers of positions that count.
 * @throws FedloomError `loss.option`
 */
export function softmaxCrossEntropy(options: SoftmaxCrossEntropyOptions = {}): Loss<'softmaxCrossEntropy'> {
  checkPositionsOptions('softmaxCrossEntropy', options, ['labelSmoothing', 'ignore'], 'loss.option');
  const { labelSmoothing = 0 } = options;
  if (typeof labelSmoothing !== 'number' || !(labelSmoothing >= 0 && labelSmoothing < 1)) {
    const message = `softmaxCrossEntropy: labelSmoothing is ${show(labelSmoothing)}; it must be at least 0 and below 1.`;
    throw new FedloomError('loss.option', message, { option: 'labelSmoothing', value: labelSmoothing });
  }
  const smoothed = (g: Graph, target: Value, classes: number) =>
    labelSmoothing === 0 ? target : g.add(g.mul(target, 1 - labelSmoothing), labelSmoothing / classes);
  const loss = defineLoss({
    name: 'softmaxCrossEntropy',
    check(context) {
      if (context.classes === undefined) checkProbabilities(context, options);
      else checkLabels('softmaxCrossEntropy', context, 'loss.shape');
    },
    prepareTarget(g, target, context) {
      const classes = classesOf(context);
      if (context.classes === undefined) return smoothed(g, g.cast(target, 'float32'), classes);
      // Of each position it would be large to lay out for all steps at once.
      return isOfPositions(context) ? target : smoothed(g, g.oneHot(target, classes), classes);
    },
    perSample(g, prediction, target, context) {
      if (context.classes === undefined) {
        const losses = g.neg(g.sum(g.mul(target, g.logSoftmax(prediction)), [-1]));
        return meanOverPositions(g, losses, undefined, { ...context, targetShape: context.targetShape.slice(0, -1) });
      }
      if (!isOfPositions(context) && options.ignore === undefined) return g.softmaxCrossEntropy(prediction, target);
      return meanOverPositions(
        g,
        g.softmaxCrossEntropy(prediction, smoothed(g, g.oneHot(target, context.classes), context.classes)),
        counted(g, target, options),
        context,
      );
    },
    readings: (g, prediction) => ({ probabilities: g.softmax(prediction), label: g.argMax(prediction, -1) }),
  });
  return stacking(loss);
}

function classesOf({ predictionShape }: LossContext): number {
  return predictionShape.at(-1) ?? 1;
}

function isOfPositions({ targetShape }: LossContext): boolean {
  return targetShape.length > 0;
}

function checkProbabilities({ predictionShape, targetShape, classes }: LossContext, options: PositionsOptions): void {
  const fits = targetShape.length > 0 && shapeText(predictionShape) === shapeText(targetShape);
  if (fits && options.ignore === undefined) return;
  const message = fits
    ? 'softmaxCrossEntropy: ignore is a label, but the data have probabilities, no number of classes: leave it out.'
    : `softmaxCrossEntropy needs class labels, or probabilities of the predictions' shape, but the data's y has shape ${shapeText(targetShape)}` +
      `${classes === undefined ? ' and no number of classes' : ''}, and the model gives ${shapeText(predictionShape)}: declare y as int32 of shape [] with classes.`;
  throw new FedloomError('loss.shape', message, { predictionShape, targetShape, classes });
}
