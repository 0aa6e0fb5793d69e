import { FedloomError } from '../errors.js';
import { defineLayer } from './define.js';
import { show } from './layer-checks.js';
import type { Layer } from './types.js';

/**
 * In training each element is 0 with this probability, and the others are divided by 1 - probability; in evaluation nothing happens
 * (Srivastava et al. 2014, JMLR 15). As torch.nn.Dropout. What is dropped follows from the run's seed, the client and the round.
 */
export function dropout(probability: number): Layer {
  if (typeof probability !== 'number' || !(probability >= 0 && probability < 1)) {
    const message = `dropout: the probability is ${show(probability)}; it must be at least 0 and below 1.`;
    throw new FedloomError('layer.option', message, { layer: 'dropout', option: 'probability', value: probability });
  }
  return defineLayer({
    kind: `dropout(${probability})`,
    build: (inputShape) => ({
      outputShape: inputShape,
      parameters: [],
      apply(g, x, _params, context) {
        if (!context.training || probability === 0) return x;
        const stays = g.cast(g.greaterOrEqual(context.uniform(inputShape), probability), 'float32');
        return g.mul(x, g.mul(stays, 1 / (1 - probability)));
      },
    }),
  });
}
