import type { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import type { Optimizer, OptimizerInput } from './types.js';

/** What an optimiser sees of one parameter. */
export interface ParameterInput {
  readonly name: string;
  readonly parameter: Value;
  readonly gradient: Value;
  /** By slot, each of the parameter's shape; zero at the first step of a client's training. */
  readonly slots: ReadonlyMap<string, Value>;
  /** Float32 `[]`. */
  readonly learningRate: Value;
}

export interface ParameterOutput {
  readonly parameter: Value;
  readonly slots: ReadonlyMap<string, Value>;
}

/**
 * The `update` of an optimiser that takes one parameter after the other.
 * @param prepare what all of them share, made once a step
 */
export function perParameter<T = undefined>(
  update: (g: Graph, input: ParameterInput, shared: T) => ParameterOutput,
  prepare?: (g: Graph, input: OptimizerInput) => T,
): Optimizer['update'] {
  return (g, input) => {
    const { parameters, gradients, learningRate } = input;
    const shared = prepare?.(g, input) as T;
    const slotNames = [...input.slots.keys()];
    const next = new Map<string, Value>();
    const slots = new Map(slotNames.map((slot): [string, Map<string, Value>] => [slot, new Map()]));
    for (const [name, parameter] of parameters) {
      g.scope(`update/${name}`, () => {
        const own = new Map(slotNames.map((slot) => [slot, input.slots.get(slot)?.get(name) as Value]));
        const gradient = gradients.get(name) as Value;
        const given = update(g, { name, parameter, gradient, slots: own, learningRate }, shared);
        next.set(name, given.parameter);
        for (const slot of slotNames) slots.get(slot)?.set(name, given.slots.get(slot) as Value);
      });
    }
    return { parameters: next, slots };
  };
}
