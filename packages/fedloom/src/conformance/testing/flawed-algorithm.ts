import type { FederatedAlgorithm, ServerUpdate } from '../../algorithms/algorithm.js';
import { moved } from '../../algorithms/server-math.js';

/** FedAvg as one may write it without `defineAlgorithm`, with something that is not quite right. */
export function flawed(flaw: Partial<FederatedAlgorithm>, server: Partial<ServerUpdate> = {}): FederatedAlgorithm {
  const sound: ServerUpdate = {
    initialize: () => new Map(),
    update: (input) => ({ model: moved(input), state: new Map(input.state) }),
  };
  return { name: 'flawed', citation: 'own work', ...flaw, server: { ...sound, ...server } };
}
