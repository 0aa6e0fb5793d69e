import { FedloomError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import { around } from './around-optimizer.js';
import { show } from './layer-checks.js';
import { checkCount } from './optimizer-settings.js';
import type { Optimizer } from './types.js';

/** A factor of the learning rate by the steps of the client's training before this one: float32 `[]` to float32 `[]`. */
export type StepSchedule = (g: Graph, step: Value) => Value;

/**
 * A learning rate that changes within a client's training: `scheduled(linearWarmup(20), adam({ learningRate: 0.001 }))`. From round to
 * round it changes by a function, see `LearningRate`.
 */
export function scheduled(schedule: StepSchedule, optimizer: Optimizer): Optimizer {
  if (typeof schedule !== 'function') {
    const message = `scheduled: the schedule is ${show(schedule)}; give one such as linearWarmup(20), or a function (g, step) => factor.`;
    throw new FedloomError('optimizer.option', message, { option: 'schedule', value: schedule });
  }
  return around(optimizer, {
    name: 'scheduled',
    settings: {},
    update: (g, input, within) =>
      within.update(g, { ...input, learningRate: g.mul(input.learningRate, schedule(g, input.step())) }),
  });
}

/** From 1 / steps at the first step to 1 at the last of so many, and then on. */
export function linearWarmup(steps: number): StepSchedule {
  checkCount('linearWarmup', 'steps', steps);
  return (g, step) => g.minimum(g.mul(g.add(step, 1), 1 / steps), 1);
}

/** From 1 at the first step down to 0 after so many. */
export function linearDecay(steps: number): StepSchedule {
  checkCount('linearDecay', 'steps', steps);
  return (g, step) => g.maximum(g.sub(1, g.mul(step, 1 / steps)), 0);
}

/** `factor` to the power of the number of steps before: times so much with each. Above 0. */
export function exponentialDecay(factor: number): StepSchedule {
  if (typeof factor !== 'number' || !(factor > 0 && factor <= 1)) {
    const message = `exponentialDecay: the factor is ${show(factor)}; it must be above 0 and at most 1.`;
    throw new FedloomError('optimizer.option', message, { option: 'factor', value: factor });
  }
  return (g, step) => g.exp(g.mul(step, Math.log(factor)));
}
