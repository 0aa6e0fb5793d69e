import { FedloomError } from '@fedloom/engine';
import { factOf } from '../update/facts.js';
import type { Facts } from '../update/update.js';
import type { FederatedAlgorithm, ServerUpdateInput } from './algorithm.js';
import { defineAlgorithm } from './define-algorithm.js';
import { readOptions } from './options.js';
import { moved } from './server-math.js';

export interface FedNovaOptions {
  /** Momentum of the clients' SGD, in [0, 1), as their optimiser has it. Default 0. */
  readonly momentum?: number;
}

/**
 * FedAvg for clients that take different numbers of local steps: each client's change is normalised by its steps before it
 * is averaged, so that those who walk far do not pull the model to their own optimum. With equal steps it is FedAvg.
 *
 * Wang, Liu, Liang, Joshi, Poor: Tackling the Objective Inconsistency Problem in Heterogeneous Federated Optimization.
 * NeurIPS 2020, arXiv 2007.07481.
 */
export function fedNova(options: FedNovaOptions = {}): FederatedAlgorithm {
  const settings = readOptions('fedNova', { ...options }, { momentum: { default: 0, min: 0, below: 1 } });
  const { momentum } = settings;
  // d_i = (w - w_i) / ||a_i||_1 counts with n_i: the fold's weight of w_i - w is n_i / ||a_i||_1.
  const weight = (facts: Facts) => factOf(facts, 'sampleCount') / stepsOf(facts, momentum);
  return defineAlgorithm({
    name: 'fedNova',
    citation: 'Wang et al. 2020, arXiv 2007.07481',
    hyperparameters: settings,
    with: (changes) => fedNova({ ...settings, ...changes }),
    weight,
    server: {
      initialize: () => new Map(),
      // Eq. (8): w <- w - tau_eff sum_i p_i d_i, with p_i = n_i / n.
      update: (input) => ({ model: moved(input, rate(input, momentum)), state: new Map() }),
    },
  });
}

/**
 * tau_eff sum_i (n_i / ||a_i||_1) / n: what the weighted mean of the changes is to be multiplied by, for
 * sum_i (n_i / n) delta_i / ||a_i||_1 is that mean times the sum of the weights over n.
 */
function rate({ clients }: ServerUpdateInput, momentum: number): number {
  let samples = 0;
  let weights = 0;
  let steps = 0;
  for (const { facts, weight } of clients) {
    const sampleCount = factOf(facts, 'sampleCount');
    samples += sampleCount;
    weights += weight;
    // Section 4: tau_eff = sum_i p_i ||a_i||_1, for which equal steps give FedAvg.
    steps += sampleCount * stepsOf(facts, momentum);
  }
  return (steps / samples) * (weights / samples);
}

/**
 * ||a_i||_1 of Section 4.1: for plain SGD the number of steps tau; with momentum rho the j-th last gradient counts
 * (1 - rho^j) / (1 - rho), which add up to (tau - rho (1 - rho^tau) / (1 - rho)) / (1 - rho).
 * @throws FedloomError `update.fact` for a client that took no step
 */
function stepsOf(facts: Facts, rho: number): number {
  const tau = factOf(facts, 'stepCount');
  if (!(tau > 0)) {
    const message = `An update tells of ${tau} steps; fedNova needs the number that was taken. A trainer returns it from train() as stepCount.`;
    throw new FedloomError('update.fact', message, { fact: 'stepCount', value: tau });
  }
  return rho === 0 ? tau : (tau - (rho * (1 - rho ** tau)) / (1 - rho)) / (1 - rho);
}
