import type { FederatedAlgorithm } from './algorithm.js';
import { defineAlgorithm } from './define-algorithm.js';
import { moved } from './server-math.js';

/**
 * Federated averaging: the new model is the mean of the clients' models, weighted by their samples.
 *
 * McMahan, Moore, Ramage, Hampson, Agüera y Arcas: Communication-Efficient Learning of Deep Networks from Decentralized
 * Data. AISTATS 2017, arXiv 1602.05629. With one epoch and batchSize 'all' it is the paper's FedSGD.
 */
export function fedAvg(): FederatedAlgorithm {
  return defineAlgorithm({
    name: 'fedAvg',
    citation: 'McMahan et al. 2017, arXiv 1602.05629',
    foldReplaceable: true,
    hyperparameters: {},
    server: {
      initialize: () => new Map(),
      // Algorithm 1, server: w_{t+1} <- sum_k (n_k / m_t) w^k_{t+1}, with m_t the cohort's samples; here as
      // w_t + sum_k (n_k / m_t) (w^k_{t+1} - w_t).
      update: (input) => ({ model: moved(input), state: new Map() }),
    },
  });
}
