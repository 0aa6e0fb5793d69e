import { FedloomError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import { defineOptimizer } from './define.js';
import { optionsProblem, show } from './layer-checks.js';
import type { Optimizer, OptimizerInput } from './types.js';

export interface SgdOptions {
  /** In every round, or by round, from 0: then a pure function, such as `(round) => 0.1 * 0.99 ** round`. */
  readonly learningRate: number | ((round: number) => number);
  /** Default 0. */
  readonly momentum?: number;
  /** L2 penalty added to the gradient, of biases too, as torch.optim.SGD does. Default 0. */
  readonly weightDecay?: number;
  /** Default false; needs momentum. */
  readonly nesterov?: boolean;
}

/** Stochastic gradient descent as torch.optim.SGD computes it (dampening 0): the velocity holds gradients, not steps. */
export function sgd(options: SgdOptions): Optimizer {
  const problem = optionsProblem('sgd', options, ['learningRate', 'momentum', 'weightDecay', 'nesterov']);
  if (problem !== undefined) throw new FedloomError('optimizer.option', problem, { option: 'options', value: options });
  const { momentum = 0, weightDecay = 0, nesterov = false } = options;
  const { learningRate: given } = options;
  const learningRate = typeof given === 'function' ? given(0) : given;
  checkRange('learningRate', learningRate, Number.POSITIVE_INFINITY);
  checkRange('momentum', momentum, 1);
  checkRange('weightDecay', weightDecay, Number.POSITIVE_INFINITY);
  if (nesterov && momentum === 0) {
    const message = 'sgd: nesterov needs momentum; give momentum a value above 0.';
    throw new FedloomError('optimizer.option', message, { option: 'momentum', value: momentum });
  }
  const plain = momentum === 0 && weightDecay === 0;
  return defineOptimizer({
    name: 'sgd',
    learningRate,
    ...(typeof given === 'function' && { learningRateOf: (round) => checkedRate(given(round), round) }),
    slots: momentum === 0 ? [] : ['momentum'],
    gradientScale: plain ? 'minus-learning-rate' : 'one',
    update: (g, input) =>
      plain
        ? { parameter: g.add(input.parameter, input.gradient), slots: new Map() }
        : heavyBall(g, input, momentum, weightDecay, nesterov),
    hyperparameters: { learningRate, momentum, weightDecay, nesterov },
    with: (changes) => sgd({ ...options, ...checkChanges(changes) }),
  });
}

function checkChanges(changes: Readonly<Record<string, number | boolean>>): Partial<SgdOptions> {
  const kinds: Readonly<Record<string, string>> = {
    learningRate: 'number',
    momentum: 'number',
    weightDecay: 'number',
    nesterov: 'boolean',
  };
  for (const [option, value] of Object.entries(changes)) {
    const kind = Object.hasOwn(kinds, option) ? kinds[option] : undefined;
    if (typeof value !== kind) {
      const problem = kind === undefined ? `there is no such setting` : `it must be a ${kind}`;
      throw new FedloomError(
        'optimizer.option',
        `sgd: cannot set ${option} to ${value}: ${problem} (settings: ${Object.keys(kinds).join(', ')}).`,
        { option, value },
      );
    }
  }
  return changes;
}

function heavyBall(g: Graph, input: OptimizerInput, momentum: number, weightDecay: number, nesterov: boolean) {
  const { parameter, learningRate } = input;
  const scaled = (factor: number, x: typeof parameter) => g.mul(x, g.constant(factor, 'float32'));
  const gradient = weightDecay === 0 ? input.gradient : g.add(input.gradient, scaled(weightDecay, parameter));
  if (momentum === 0) {
    return { parameter: g.sub(parameter, g.mul(gradient, learningRate)), slots: new Map() };
  }
  const velocity = g.add(scaled(momentum, input.slots.get('momentum')!), gradient);
  const step = nesterov ? g.add(gradient, scaled(momentum, velocity)) : velocity;
  return { parameter: g.sub(parameter, g.mul(step, learningRate)), slots: new Map([['momentum', velocity]]) };
}

function checkedRate(rate: number, round: number): number {
  checkRange(`learningRate of round ${round + 1}`, rate, Number.POSITIVE_INFINITY);
  return rate;
}

function checkRange(option: string, value: number, below: number): void {
  if (typeof value !== 'number' || !(value >= 0 && value < below)) {
    const range =
      below === Number.POSITIVE_INFINITY ? 'a finite number of at least 0' : `at least 0 and below ${below}`;
    throw new FedloomError('optimizer.option', `sgd: ${option} is ${show(value)}; it must be ${range}.`, {
      option,
      value,
    });
  }
}
