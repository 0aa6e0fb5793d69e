import type { Tensor } from '@fedloom/engine';
import type { FederatedAlgorithm, ServerState } from './algorithm.js';

/** The tensors of the server's state that travel to the clients with the model, `slot/parameter`, names ascending. */
export function broadcastTensors(algorithm: FederatedAlgorithm, state: ServerState): Map<string, Tensor> {
  const slots = algorithm.terms?.broadcast ?? [];
  const travelling = [...state].filter(([name]) => slots.includes(name.slice(0, name.indexOf('/'))));
  return new Map(travelling.sort(([a], [b]) => (a < b ? -1 : 1)));
}
