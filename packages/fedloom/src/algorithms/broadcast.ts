import type { Tensor } from '@fedloom/engine';
import { sortedTensors } from '../core/params.js';
import type { FederatedAlgorithm, ServerState } from './algorithm.js';

/** The tensors of the server's state that travel to the clients with the model, `slot/parameter`, names ascending. */
export function broadcastTensors(algorithm: FederatedAlgorithm, state: ServerState): Map<string, Tensor> {
  const slots = algorithm.client?.terms?.broadcast ?? [];
  if (slots.length === 0) return new Map();
  return sortedTensors([...state].filter(([name]) => slots.includes(name.slice(0, name.indexOf('/')))));
}
