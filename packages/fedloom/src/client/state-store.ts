import type { StateStore } from './executor.js';

/** Keeps private state in memory: fits where few clients take part or the state is small. */
export function memoryStateStore(): StateStore {
  const states = new Map<number, Uint8Array>();
  return {
    async get(client) {
      return states.get(client);
    },
    async put(client, state) {
      states.set(client, state);
    },
    async close() {
      states.clear();
    },
  };
}
