import { FedloomError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import { checkRegression } from './context-checks.js';
import { defineLoss } from './define.js';
import { show } from './layer-checks.js';
import type { Loss } from './types.js';

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
