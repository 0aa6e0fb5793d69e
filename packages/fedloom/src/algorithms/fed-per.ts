import { FedloomError } from '@fedloom/engine';
import type { FederatedAlgorithm } from './algorithm.js';
import { defineAlgorithm } from './define-algorithm.js';
import { readOptions } from './options.js';
import { moved } from './server-math.js';

export interface FedPerOptions {
  /** Personalisation layers K_P: so many of the last layers that have parameters stay with each client. Default 1. */
  readonly layers?: number;
}

/**
 * FedAvg of the base layers; the last layers are each client's own, and never leave it. A client's results are those of the
 * common base under its own head; the server's held-out test sees the base under the head that all started from.
 *
 * Arivazhagan, Aggarwal, Singh, Choudhary: Federated Learning with Personalization Layers. 2019, arXiv 1912.00818.
 */
export function fedPer(options: FedPerOptions = {}): FederatedAlgorithm {
  const settings = readOptions('fedPer', { ...options }, { layers: { default: 1, min: 1 } });
  return defineAlgorithm({
    name: 'fedPer',
    citation: 'Arivazhagan et al. 2019, arXiv 1912.00818',
    foldReplaceable: true,
    hyperparameters: settings,
    with: (changes) => fedPer({ ...settings, ...changes }),
    client: { privateParameters: (names) => lastLayers(names, settings.layers) },
    server: {
      initialize: () => new Map(),
      // Algorithm 2: the server aggregates W_B alone.
      update: (input) => ({ model: moved(input), state: new Map() }),
    },
  });
}

/** A parameter's layer is what its name begins with: `3` of `3.weight`. */
function lastLayers(names: readonly string[], count: number): readonly string[] {
  const layerOf = (name: string) => name.slice(0, name.lastIndexOf('.'));
  const layers = [...new Set(names.map(layerOf))];
  if (!Number.isInteger(count) || count >= layers.length) {
    const message =
      `fedPer: layers is ${count}; it must be a whole number below ${layers.length}, the layers of this model that have ` +
      'parameters, so that one at least is common.';
    throw new FedloomError('algorithm.option', message, { algorithm: 'fedPer', option: 'layers', value: count });
  }
  const own = new Set(layers.slice(-count));
  return names.filter((name) => own.has(layerOf(name)));
}
