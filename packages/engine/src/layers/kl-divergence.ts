import { FedloomError } from '../errors.js';
import { contextError } from './context-checks.js';
import { defineLoss } from './define.js';
import { optionsProblem, shapeText, show } from './layer-checks.js';
import { meanOverPositions } from './positions.js';
import type { Loss } from './types.js';

export interface KlDivergenceOptions {
  /** What both sides are divided by before the softmax; the result is multiplied by its square. Above 0. Default 1. */
  readonly temperature?: number;
}

/**
 * The Kullback-Leibler divergence of the model's probabilities from another model's, both given before the softmax, `[..., classes]`, of a
 * sample's positions the mean: knowledge distillation (Hinton et al. 2015, arXiv 1503.02531). As torch.nn.KLDivLoss with 'batchmean'.
 * @throws FedloomError `loss.option`
 */
export function klDivergence(options: KlDivergenceOptions = {}): Loss<'klDivergence'> {
  const problem = optionsProblem('klDivergence', options, ['temperature']);
  if (problem !== undefined) throw new FedloomError('loss.option', problem, { option: 'options', value: options });
  const { temperature = 1 } = options;
  if (typeof temperature !== 'number' || !(temperature > 0 && temperature < Number.POSITIVE_INFINITY)) {
    const message = `klDivergence: temperature is ${show(temperature)}; it must be a finite number above 0.`;
    throw new FedloomError('loss.option', message, { option: 'temperature', value: temperature });
  }
  return defineLoss({
    name: 'klDivergence',
    check(context) {
      const { predictionShape, targetShape, classes } = context;
      const fits = targetShape.length > 0 && shapeText(predictionShape) === shapeText(targetShape);
      if (classes === undefined && fits) return;
      const message =
        `klDivergence needs targets of the predictions' shape, another model's predictions, but the model gives ${shapeText(predictionShape)} and ` +
        `the data's y has ${classes === undefined ? shapeText(targetShape) : `labels of ${classes} classes`}: give y as float32 of that shape.`;
      throw contextError('loss.shape', message, context);
    },
    prepareTarget: (g, target) => g.cast(target, 'float32'),
    perSample(g, prediction, target, context) {
      const [wanted, given] = [target, prediction].map((x) => g.logSoftmax(g.mul(x, 1 / temperature)));
      const each = g.sum(g.mul(g.exp(wanted!), g.sub(wanted!, given!)), [-1]);
      const positions = { ...context, targetShape: context.targetShape.slice(0, -1) };
      return g.mul(meanOverPositions(g, each, undefined, positions), temperature ** 2);
    },
  });
}
