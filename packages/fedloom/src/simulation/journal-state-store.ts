import type { StateStore } from '../client/state-store.js';
import type { JournalStates } from '../journal/journal-states.js';

/**
 * Private state of simulated clients in their run's journal: it commits with the round that counted, before the clients are
 * told, so that nothing is left to do when they are.
 */
export function journalStateStore(states: JournalStates): StateStore {
  return {
    get: (client) => states.get(client),
    propose(client, task, state) {
      states.propose(client, task, state);
      return undefined;
    },
    put: async () => {},
    drop(client, task) {
      states.drop(client, task);
      return undefined;
    },
    // The journal is its run's.
    close: async () => {},
  };
}
