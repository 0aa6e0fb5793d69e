import type { Tensor } from '@fedloom/engine';
import type { FederatedAlgorithm, ServerUpdateInput, ServerUpdateResult } from './algorithm.js';
import { defineAlgorithm } from './define-algorithm.js';
import { readOptions } from './options.js';
import { float64Of, fromNumbers, moved, toNumbers } from './server-math.js';

export interface FedAdamOptions {
  /** Eta; above 0. The authors search 10^-3 ... 10^1. */
  readonly serverLearningRate: number;
  /** Decay of the first moment, in [0, 1). Default 0.9. */
  readonly beta1?: number;
  /** Decay of the second moment, in [0, 1). Default 0.99. */
  readonly beta2?: number;
  /** Degree of adaptivity, above 0. Default 1e-3. */
  readonly tau?: number;
}

/**
 * Adam on the server, with the clients' mean delta as its gradient. The moments are float64 and have no bias correction;
 * the second moment starts at tau^2, as in the paper. Parameters that take no gradient are averaged as in FedAvg.
 *
 * Reddi, Charles, Zaheer, Garrett, Rush, Konečný, Kumar, McMahan: Adaptive Federated Optimization. ICLR 2021,
 * arXiv 2003.00295.
 */
export function fedAdam(options: FedAdamOptions): FederatedAlgorithm {
  const settings = readOptions(
    'fedAdam',
    { ...options },
    {
      serverLearningRate: { above: 0 },
      beta1: { default: 0.9, min: 0, below: 1 },
      beta2: { default: 0.99, min: 0, below: 1 },
      tau: { default: 1e-3, above: 0 },
    },
  );
  return defineAlgorithm({
    name: 'fedAdam',
    citation: 'Reddi et al. 2021, arXiv 2003.00295',
    foldReplaceable: true,
    hyperparameters: settings,
    with: (changes) => fedAdam({ ...settings, ...changes }),
    server: {
      initialize(model, trained) {
        const state = new Map<string, Tensor>();
        for (const name of trained) {
          const { shape, data } = model.get(name)!;
          state.set(`m/${name}`, { dtype: 'float64', shape, data: new Float64Array(data.length) });
          state.set(`v/${name}`, {
            dtype: 'float64',
            shape,
            data: new Float64Array(data.length).fill(settings.tau ** 2),
          });
        }
        return state;
      },
      update: (input) => adamStep(input, settings),
    },
  });
}

/** Algorithm 2, FedAdam. */
function adamStep(input: ServerUpdateInput, settings: Required<FedAdamOptions>): ServerUpdateResult {
  const { serverLearningRate: eta, beta1, beta2, tau } = settings;
  const model = moved(input);
  const state = new Map<string, Tensor>();
  for (const [name, before] of input.model) {
    if (!input.trained.has(name)) continue;
    const x = toNumbers(before);
    const deltas = float64Of(input.aggregate, name); // Delta_t = sum_i p_i (x_i - x_t)
    const m = float64Of(input.state, `m/${name}`).slice();
    const v = float64Of(input.state, `v/${name}`).slice();
    for (let i = 0; i < x.length; i++) {
      const delta = deltas[i]!;
      m[i] = beta1 * m[i]! + (1 - beta1) * delta; // m_t = beta1 m_{t-1} + (1 - beta1) Delta_t
      v[i] = beta2 * v[i]! + (1 - beta2) * delta * delta; // v_t = beta2 v_{t-1} + (1 - beta2) Delta_t^2
      x[i]! += (eta * m[i]!) / (Math.sqrt(v[i]!) + tau); // x_{t+1} = x_t + eta m_t / (sqrt(v_t) + tau)
    }
    const { shape } = before;
    model.set(name, fromNumbers(x, before));
    state.set(`m/${name}`, { dtype: 'float64', shape, data: m });
    state.set(`v/${name}`, { dtype: 'float64', shape, data: v });
  }
  return { model, state };
}
