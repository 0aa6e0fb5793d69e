import { defineOptimizer } from './define.js';
import {
  ANY,
  checkChanges,
  checkKnown,
  checkSettings,
  FRACTION,
  type LearningRate,
  learningRateParts,
  POSITIVE,
  type Settings,
} from './optimizer-settings.js';
import { perParameter } from './per-parameter.js';
import type { Optimizer } from './types.js';

export interface RmsPropOptions {
  readonly learningRate: LearningRate;
  /** Decay of the mean of squared gradients. Default 0.99. */
  readonly decay?: number;
  /** Added to the denominator. Default 1e-8. */
  readonly epsilon?: number;
  /** Default 0. */
  readonly momentum?: number;
  /** L2 penalty added to the gradient. Default 0. */
  readonly weightDecay?: number;
}

const SETTINGS: Settings = { decay: FRACTION, epsilon: POSITIVE, momentum: FRACTION, weightDecay: ANY };

/** Tieleman and Hinton 2012 (lecture 6.5). As torch.optim.RMSprop, whose `alpha` is `decay`. */
export function rmsProp(options: RmsPropOptions): Optimizer {
  checkKnown('rmsProp', options, ['learningRate', ...Object.keys(SETTINGS)]);
  const { decay = 0.99, epsilon = 1e-8, momentum = 0, weightDecay = 0 } = options;
  const rate = learningRateParts('rmsProp', options.learningRate);
  checkSettings('rmsProp', SETTINGS, { decay, epsilon, momentum, weightDecay });
  return defineOptimizer({
    name: 'rmsProp',
    ...rate,
    slots: momentum === 0 ? ['square'] : ['square', 'momentum'],
    update: perParameter((g, { parameter, gradient: raw, slots, learningRate }) => {
      const gradient = weightDecay === 0 ? raw : g.add(raw, g.mul(parameter, weightDecay));
      const square = g.add(g.mul(slots.get('square')!, decay), g.mul(g.square(gradient), 1 - decay));
      const scaled = g.div(gradient, g.add(g.sqrt(square), epsilon));
      const before = slots.get('momentum');
      const moved = before === undefined ? scaled : g.add(g.mul(before, momentum), scaled);
      return {
        parameter: g.sub(parameter, g.mul(moved, learningRate)),
        slots: new Map([['square', square], ...(before === undefined ? [] : [['momentum', moved] as const])]),
      };
    }),
    hyperparameters: { learningRate: rate.learningRate, decay, epsilon, momentum, weightDecay },
    with(changes) {
      checkChanges('rmsProp', SETTINGS, changes);
      return rmsProp({ ...options, ...changes });
    },
  });
}
