import type { FederatedAlgorithm } from './algorithm.js';
import { type ByRound, firstOf, scalarByRound } from './by-round.js';
import { defineAlgorithm } from './define-algorithm.js';
import { readOptions } from './options.js';
import { moved } from './server-math.js';

export interface FedProxOptions {
  /** Strength of the pull towards the global model, in every round or by round; at least 0, and 0 is FedAvg. */
  readonly mu: ByRound;
}

/**
 * FedAvg whose clients are held near the global model by a proximal term.
 *
 * Li, Sahu, Zaheer, Sanjabi, Talwalkar, Smith: Federated Optimization in Heterogeneous Networks. MLSys 2020,
 * arXiv 1812.06127. As in the authors' experiments, the mean is weighted by samples.
 */
export function fedProx(options: FedProxOptions): FederatedAlgorithm {
  const { mu } = readOptions('fedProx', { ...options, mu: firstOf(options?.mu) }, { mu: { min: 0 } });
  return defineAlgorithm({
    name: 'fedProx',
    citation: 'Li et al. 2020, arXiv 1812.06127',
    foldReplaceable: true,
    hyperparameters: { mu },
    with: (changes) => fedProx({ ...options, ...changes }),
    client: {
      terms: {
        algorithm: 'fedProx',
        scalars: { mu },
        broadcast: [],
        state: [],
        upload: [],
        // Eq. (2): h_k(v; w) = F_k(v) + mu/2 ||v - w||^2, whose second part has the gradient mu (v - w).
        gradientTerm: (g, { parameter, global, scalar }) => g.mul(scalar('mu'), g.sub(parameter, global)),
      },
      ...(typeof options.mu === 'function' && { scalars: scalarByRound('fedProx', 'mu', options.mu, { min: 0 }) }),
    },
    server: {
      initialize: () => new Map(),
      // Algorithm 2, step 6, weighted: w^{t+1} = sum_k (n_k / n) w_k^{t+1}.
      update: (input) => ({ model: moved(input), state: new Map() }),
    },
  });
}
