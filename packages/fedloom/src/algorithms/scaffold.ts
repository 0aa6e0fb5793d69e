import { type ClientTerms, type Tensor, zeros } from '@fedloom/engine';
import type { FederatedAlgorithm, ServerUpdateInput, ServerUpdateResult } from './algorithm.js';
import { defineAlgorithm } from './define-algorithm.js';
import { readOptions } from './options.js';
import { float64Of, moved, movedBy } from './server-math.js';

export interface ScaffoldOptions {
  /** Eta_g, above 0. Default 1. */
  readonly serverLearningRate?: number;
  /**
   * Weights of the mean over clients. Default `uniform`, as the paper has it. With `samples` the control variate c, too,
   * is the mean of the clients' weighted by their samples.
   */
  readonly weighting?: 'samples' | 'uniform';
}

/**
 * FedAvg whose clients correct their gradients by control variates, so that they do not drift to their own optima. Each
 * client keeps its c_i between rounds; the server's c travels with the model; c_i's change travels back. Needs plain SGD
 * on the clients, because c_i is read off the distance they went.
 *
 * Karimireddy, Kale, Mohri, Reddi, Stich, Suresh: SCAFFOLD: Stochastic Controlled Averaging for Federated Learning.
 * ICML 2020, arXiv 1910.06378. Option II of its eq. (4).
 */
export function scaffold(options: ScaffoldOptions = {}): FederatedAlgorithm {
  const { weighting = 'uniform', ...numbers } = options;
  const settings = readOptions('scaffold', numbers, { serverLearningRate: { default: 1, above: 0 } });
  return defineAlgorithm({
    name: 'scaffold',
    citation: 'Karimireddy et al. 2020, arXiv 1910.06378',
    ...(weighting === 'uniform' && { weight: () => 1 }),
    hyperparameters: settings,
    with: (changes) => scaffold({ weighting, ...settings, ...changes }),
    needsStatelessOptimizer: true,
    client: { terms },
    server: {
      initialize(model, trained) {
        const control = (name: string): [string, Tensor] => [
          `control/${name}`,
          zeros(model.get(name)!.dtype, model.get(name)!.shape),
        ];
        return new Map([...trained].map(control));
      },
      update: (input) => serverUpdate(input, settings.serverLearningRate),
    },
  });
}

const terms: ClientTerms = {
  algorithm: 'scaffold',
  scalars: {},
  broadcast: ['control'],
  state: ['control'],
  upload: ['controlDelta'],
  // Eq. (3): y_i <- y_i - eta_l (g_i(y_i) + c - c_i)
  gradientTerm: (g, { broadcast, state }) => g.sub(broadcast('control'), state('control')),
  finish(g, { parameter: y, global: x, broadcast, state, stepCount, learningRate }) {
    // Eq. (4), option II: c_i+ = c_i - c + (x - y_i) / (K eta_l); K eta_l from the steps and the rate of this very round.
    const travelled = g.div(g.sub(x, y), g.mul(stepCount, learningRate));
    const controlDelta = g.sub(travelled, broadcast('control'));
    return { upload: { controlDelta }, state: { control: g.add(state('control'), controlDelta) } };
  },
};

/** Eq. (5), with the means over the round's clients taken already. */
function serverUpdate(input: ServerUpdateInput, eta: number): ServerUpdateResult {
  const { aggregate, clients, totalClients } = input;
  const share = clients.length / totalClients; // |S| / N
  const state = new Map<string, Tensor>();
  // c <- c + |S|/N mean(c_i+ - c_i)
  for (const [name, control] of input.state) {
    const delta = float64Of(aggregate, name.replace('control/', 'controlDelta/'));
    state.set(name, movedBy(control, delta, share));
  }
  // x <- x + eta_g mean(y_i - x)
  return { model: moved(input, eta), state };
}
