import { defineOptimizer } from './define.js';
import {
  ANY,
  checkChanges,
  checkKnown,
  checkSettings,
  type LearningRate,
  learningRateParts,
  POSITIVE,
  type Settings,
} from './optimizer-settings.js';
import { perParameter } from './per-parameter.js';
import type { Optimizer } from './types.js';

export interface AdagradOptions {
  readonly learningRate: LearningRate;
  /** Added to the denominator. Default 1e-10. */
  readonly epsilon?: number;
  /** L2 penalty added to the gradient. Default 0. */
  readonly weightDecay?: number;
}

const SETTINGS: Settings = { epsilon: POSITIVE, weightDecay: ANY };

/** Duchi et al. 2011, JMLR 12. As torch.optim.Adagrad, without a decay of the learning rate. */
export function adagrad(options: AdagradOptions): Optimizer {
  checkKnown('adagrad', options, ['learningRate', ...Object.keys(SETTINGS)]);
  const { epsilon = 1e-10, weightDecay = 0 } = options;
  const rate = learningRateParts('adagrad', options.learningRate);
  checkSettings('adagrad', SETTINGS, { epsilon, weightDecay });
  return defineOptimizer({
    name: 'adagrad',
    ...rate,
    slots: ['sum'],
    update: perParameter((g, { parameter, gradient: raw, slots, learningRate }) => {
      const gradient = weightDecay === 0 ? raw : g.add(raw, g.mul(parameter, weightDecay));
      const sum = g.add(slots.get('sum')!, g.square(gradient));
      const moved = g.div(gradient, g.add(g.sqrt(sum), epsilon));
      return { parameter: g.sub(parameter, g.mul(moved, learningRate)), slots: new Map([['sum', sum]]) };
    }),
    hyperparameters: { learningRate: rate.learningRate, epsilon, weightDecay },
    with(changes) {
      checkChanges('adagrad', SETTINGS, changes);
      return adagrad({ ...options, ...changes });
    },
  });
}
