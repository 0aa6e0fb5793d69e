import { FedloomError } from '@fedloom/engine';
import type { FederatedAlgorithm } from './algorithm.js';
import { defineAlgorithm } from './define-algorithm.js';
import { moved } from './server-math.js';

/** What batch norm calls the buffer that no other layer has. */
const RUNNING_MEAN = '.running_mean';

/**
 * FedAvg of everything but batch norm, whose factors, summands and running statistics are each client's own and never leave it: for
 * clients whose features differ. The server's held-out test sees the common layers under the norms that all started from.
 *
 * Li, Jiang, Zhang, Kamp, Dou: FedBN: Federated Learning on Non-IID Features via Local Batch Normalization. ICLR 2021, arXiv 2102.07623.
 */
export function fedBn(): FederatedAlgorithm {
  return defineAlgorithm({
    name: 'fedBn',
    citation: 'Li et al. 2021, arXiv 2102.07623',
    foldReplaceable: true,
    hyperparameters: {},
    client: { privateParameters: batchNorms },
    server: {
      initialize: () => new Map(),
      update: (input) => ({ model: moved(input), state: new Map() }),
    },
  });
}

function batchNorms(names: readonly string[]): readonly string[] {
  const layers = names.filter((name) => name.endsWith(RUNNING_MEAN)).map((name) => name.slice(0, -RUNNING_MEAN.length));
  if (layers.length > 0) return names.filter((name) => layers.includes(name.slice(0, name.lastIndexOf('.'))));
  const message =
    'fedBn: the model has no batch norm that could stay with each client: add batchNorm(), or take fedAvg.';
  throw new FedloomError('algorithm.option', message, { algorithm: 'fedBn', option: 'model' });
}
