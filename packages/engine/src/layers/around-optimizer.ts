import { FedloomError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import { defineOptimizer } from './define.js';
import { show } from './layer-checks.js';
import type { Optimizer, OptimizerInput, OptimizerOutput, OptimizerSettings } from './types.js';

/** What an optimiser around another does otherwise. */
export interface Around {
  readonly name: string;
  /** Settings of its own, beside those of the one within. */
  readonly settings: OptimizerSettings;
  /** Slots of its own, before those of the one within. */
  readonly slots?: readonly string[];
  update(g: Graph, input: OptimizerInput, within: Optimizer): OptimizerOutput;
}

/** An optimiser that uses another. @throws FedloomError `optimizer.option` */
export function around(optimizer: Optimizer, parts: Around): Optimizer {
  const { name, settings, slots = [], update } = parts;
  if (typeof optimizer?.update !== 'function') {
    const message = `${name}: the optimiser is ${show(optimizer)}; give one, such as adam({ learningRate: 0.001 }).`;
    throw new FedloomError('optimizer.option', message, { option: 'optimizer', value: optimizer });
  }
  const { learningRate, learningRateOf, hyperparameters, with: changed } = optimizer;
  const own = Object.entries(settings).map(([setting, value]) => [`${name}.${setting}`, value] as const);
  return defineOptimizer({
    name: `${name}(${optimizer.name})`,
    learningRate,
    ...(learningRateOf && { learningRateOf: (round) => learningRateOf.call(optimizer, round) }),
    slots: [...slots, ...optimizer.slots],
    update: (g, input) => update(g, input, optimizer),
    hyperparameters: { ...hyperparameters, ...Object.fromEntries(own) },
    ...(changed && { with: (changes) => around(changed.call(optimizer, changes), parts) }),
  });
}
