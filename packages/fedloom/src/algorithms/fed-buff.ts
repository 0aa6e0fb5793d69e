import type { FederatedAlgorithm, ServerUpdateInput } from './algorithm.js';
import { readBuffer } from './buffer-options.js';
import { defineAlgorithm } from './define-algorithm.js';
import { readOptions } from './options.js';
import { moved } from './server-math.js';
import { polynomialStaleness } from './staleness.js';

export interface FedBuffOptions {
  /** K: counted updates that make a version. Default 10. */
  readonly bufferSize?: number;
  /** Older updates are refused. Default: any number of versions. */
  readonly stalenessMax?: number;
  /** Eta_g, above 0. Default 1. */
  readonly serverLearningRate?: number;
  /** An update that is s versions old counts by (1 + s)^-exponent; at least 0. Default 0.5, as in the paper. */
  readonly exponent?: number;
}

/**
 * Buffered asynchronous aggregation: clients train all the time, and every K updates the server takes a step along their mean,
 * in which stale ones count less. In place of the clients a round, a run has so many at work at a time.
 *
 * Nguyen, Malik, Zhan, Yousefpour, Rabbat, Malek, Huba: Federated Learning with Buffered Asynchronous Aggregation. AISTATS
 * 2022, arXiv 2106.06639.
 */
export function fedBuff(options: FedBuffOptions = {}): FederatedAlgorithm {
  const { bufferSize = 10, stalenessMax, ...numbers } = options;
  const settings = readOptions('fedBuff', numbers, {
    serverLearningRate: { default: 1, above: 0 },
    exponent: { default: 0.5, min: 0 },
  });
  const schedule = readBuffer('fedBuff', bufferSize, stalenessMax);
  return defineAlgorithm({
    name: 'fedBuff',
    citation: 'Nguyen et al. 2022, arXiv 2106.06639',
    hyperparameters: { bufferSize, ...(stalenessMax !== undefined && { stalenessMax }), ...settings },
    with: (changes) => fedBuff({ ...options, ...changes }),
    weight: (facts) => polynomialStaleness(facts, settings.exponent),
    schedule,
    server: {
      initialize: () => new Map(),
      // Algorithm 1: w <- w + eta_g (1/K) sum_k s(tau_k) Delta_k.
      update: (input) => ({ model: moved(input, settings.serverLearningRate * meanWeight(input)), state: new Map() }),
    },
  });
}

/** The fold divides by the sum of the weights, the paper by K. */
function meanWeight({ clients }: ServerUpdateInput): number {
  return clients.reduce((sum, { weight }) => sum + weight, 0) / clients.length;
}
