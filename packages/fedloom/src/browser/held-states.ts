import type { StateStore } from '../client/state-store.js';
import type { ClientIndex } from '../core/brands.js';

/** Private state in memory: it is gone with the page. */
export function heldStates(): StateStore {
  const states = new Map<ClientIndex, Uint8Array>();
  return {
    get: async (client) => states.get(client),
    async put(client, state) {
      states.set(client, state);
    },
    async close() {
      states.clear();
    },
  };
}
