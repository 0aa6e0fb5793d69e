import { FedloomError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import { defineOptimizer } from './define.js';
import {
  ANY,
  checkChanges,
  checkKnown,
  checkSettings,
  FRACTION,
  type LearningRate,
  learningRateParts,
  type Settings,
} from './optimizer-settings.js';
import { type ParameterInput, type ParameterOutput, perParameter } from './per-parameter.js';
import { plainStep } from './plain-step.js';
import type { Optimizer } from './types.js';

export interface SgdOptions {
  readonly learningRate: LearningRate;
  /** Default 0. */
  readonly momentum?: number;
  /** L2 penalty added to the gradient, of biases too, as torch.optim.SGD does. Default 0. */
  readonly weightDecay?: number;
  /** Default false; needs momentum. */
  readonly nesterov?: boolean;
}

const SETTINGS: Settings = { momentum: FRACTION, weightDecay: ANY, nesterov: 'boolean' };

/** Stochastic gradient descent as torch.optim.SGD computes it (dampening 0): the velocity holds gradients, not steps. */
export function sgd(options: SgdOptions): Optimizer {
  checkKnown('sgd', options, ['learningRate', ...Object.keys(SETTINGS)]);
  const { momentum = 0, weightDecay = 0, nesterov = false } = options;
  const rate = learningRateParts('sgd', options.learningRate);
  checkSettings('sgd', SETTINGS, { momentum, weightDecay, nesterov });
  if (nesterov && momentum === 0) {
    const message = 'sgd: nesterov needs momentum; give momentum a value above 0.';
    throw new FedloomError('optimizer.option', message, { option: 'momentum', value: momentum });
  }
  const optimizer = defineOptimizer({
    name: 'sgd',
    ...rate,
    slots: momentum === 0 ? [] : ['momentum'],
    update: perParameter((g, input) => heavyBall(g, input, momentum, weightDecay, nesterov)),
    hyperparameters: { learningRate: rate.learningRate, momentum, weightDecay, nesterov },
    with(changes) {
      checkChanges('sgd', SETTINGS, changes);
      return sgd({ ...options, ...changes });
    },
  });
  return momentum === 0 && weightDecay === 0 ? plainStep(optimizer) : optimizer;
}

function heavyBall(
  g: Graph,
  { parameter, learningRate, slots, gradient: raw }: ParameterInput,
  momentum: number,
  weightDecay: number,
  nesterov: boolean,
): ParameterOutput {
  const scaled = (factor: number, x: typeof parameter) => g.mul(x, g.constant(factor, 'float32'));
  const gradient = weightDecay === 0 ? raw : g.add(raw, scaled(weightDecay, parameter));
  const velocityBefore = slots.get('momentum');
  if (velocityBefore === undefined) {
    return { parameter: g.sub(parameter, g.mul(gradient, learningRate)), slots: new Map() };
  }
  const velocity = g.add(scaled(momentum, velocityBefore), gradient);
  const step = nesterov ? g.add(gradient, scaled(momentum, velocity)) : velocity;
  return { parameter: g.sub(parameter, g.mul(step, learningRate)), slots: new Map([['momentum', velocity]]) };
}
