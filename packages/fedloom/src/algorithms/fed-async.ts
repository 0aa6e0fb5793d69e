import type { FederatedAlgorithm, ServerUpdateInput } from './algorithm.js';
import { readBuffer } from './buffer-options.js';
import { defineAlgorithm } from './define-algorithm.js';
import { readOptions } from './options.js';
import { moved } from './server-math.js';
import { polynomialStaleness } from './staleness.js';

export interface FedAsyncOptions {
  /** Alpha, the mixing weight of a fresh update, in (0, 1]. Default 0.6. */
  readonly alpha?: number;
  /** An update that is s versions old is mixed in with alpha (1 + s)^-exponent; at least 0. Default 0.5. */
  readonly exponent?: number;
  /** Older updates are refused. Default: any number of versions. */
  readonly stalenessMax?: number;
}

/**
 * Asynchronous optimisation: every update makes a version, a mean of the newest model and of what the client trained, in which
 * stale ones count less. In place of the clients a round, a run has so many at work at a time.
 *
 * Xie, Koyejo, Gupta: Asynchronous Federated Optimization. 2019, arXiv 1903.03934, with the polynomial s of Section 5.2.
 */
export function fedAsync(options: FedAsyncOptions = {}): FederatedAlgorithm {
  const { stalenessMax, ...numbers } = options;
  const settings = readOptions('fedAsync', numbers, {
    alpha: { default: 0.6, above: 0, max: 1 },
    exponent: { default: 0.5, min: 0 },
  });
  return defineAlgorithm({
    name: 'fedAsync',
    citation: 'Xie et al. 2019, arXiv 1903.03934',
    hyperparameters: { ...(stalenessMax !== undefined && { stalenessMax }), ...settings },
    with: (changes) => fedAsync({ ...options, ...changes }),
    weight: (facts) => polynomialStaleness(facts, settings.exponent),
    // w_i - w, so that what follows mixes models and not steps.
    reference: 'newest',
    schedule: readBuffer('fedAsync', 1, stalenessMax),
    server: {
      initialize: () => new Map(),
      // Algorithm 1: w <- (1 - alpha_t) w + alpha_t w_i, with alpha_t = alpha s(t - tau).
      update: (input) => ({ model: moved(input, settings.alpha * staleness(input)), state: new Map() }),
    },
  });
}

function staleness({ clients: [only] }: ServerUpdateInput): number {
  return only?.weight ?? 0;
}
