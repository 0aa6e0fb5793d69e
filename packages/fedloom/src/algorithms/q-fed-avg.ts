import { factOf } from '../update/facts.js';
import type { Facts } from '../update/update.js';
import type { FederatedAlgorithm, Scalars, ServerUpdateInput } from './algorithm.js';
import { defineAlgorithm } from './define-algorithm.js';
import { readOptions } from './options.js';
import { moved } from './server-math.js';

export interface QFedAvgOptions {
  /** How much more those count who do badly; at least 0, and 0 is the unweighted mean. */
  readonly q: number;
}

/** Keeps the weight of a client without loss from being 0^(q-1), as the authors' own code does. */
const LOSS_FLOOR = 1e-10;

/**
 * Fair federated averaging: clients whose loss is high count more, so that accuracies differ less between clients. It asks
 * each client for its loss before training, and takes the Lipschitz constant L as 1 / learning rate, as the paper does.
 *
 * Li, Sanjabi, Beirami, Smith: Fair Resource Allocation in Federated Learning. ICLR 2020, arXiv 1905.10497.
 */
export function qFedAvg(options: QFedAvgOptions): FederatedAlgorithm {
  const settings = readOptions('qFedAvg', { ...options }, { q: { min: 0 } });
  const { q } = settings;
  return defineAlgorithm({
    name: 'qFedAvg',
    citation: 'Li et al. 2020, arXiv 1905.10497',
    hyperparameters: settings,
    with: (changes) => qFedAvg({ ...settings, ...changes }),
    client: { needs: ['initialLoss', 'deltaNorm'] },
    // Algorithm 2: Delta_k = F_k^q L (w - w_k), so that w_k - w counts by F_k^q.
    weight: (facts) => lossOf(facts) ** q,
    server: {
      initialize: () => new Map(),
      // Algorithm 2: w <- w - sum_k Delta_k / sum_k h_k.
      update: (input) => ({ model: moved(input, rate(input, q)), state: new Map() }),
    },
  });
}

/** L sum_k F_k^q / sum_k h_k: what the weighted mean of the w_k - w is to be multiplied by. */
function rate({ clients }: ServerUpdateInput, q: number): number {
  let numerator = 0;
  let denominator = 0;
  for (const { facts, weight, scalars } of clients) {
    const lipschitz = lipschitzOf(scalars);
    const gradientNorm = lipschitz * factOf(facts, 'deltaNorm'); // ||L (w - w_k)||
    const loss = lossOf(facts);
    numerator += lipschitz * weight;
    // h_k = q F_k^(q-1) ||L (w - w_k)||^2 + L F_k^q
    denominator += q * loss ** (q - 1) * gradientNorm ** 2 + lipschitz * weight;
  }
  return numerator / denominator;
}

function lossOf(facts: Facts): number {
  return Math.max(0, factOf(facts, 'initialLoss')) + LOSS_FLOOR;
}

/** Training code of one's own has no learning rate that the server knows: then L is 1. */
function lipschitzOf({ learningRate = 1 }: Scalars): number {
  return 1 / learningRate;
}
