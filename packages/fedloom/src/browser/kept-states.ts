import type { StateStore } from '../client/state-store.js';
import { type ClientIndex, knownClient } from '../core/brands.js';
import { IndexedDatabase, keysUnder } from './indexed-database.js';

const DATABASE = 'fedloom-states';

export interface KeptStates extends StateStore {
  /** Takes away all that was kept of these clients of the run. */
  forget(clients: readonly number[]): Promise<void>;
}

/**
 * Keeps private state in IndexedDB, so that it outlives the page, under `[server, run, client]` as it last committed, and
 * `[server, run, client, task]` for an update that is not settled yet, which is there before its update is sent.
 * @param server its address: what another says of a run of the same name moves nothing out of this one
 * @returns undefined where the browser has no IndexedDB for this page
 */
export async function keptStates(server: string): Promise<KeptStates | undefined> {
  const database = await IndexedDatabase.open(DATABASE);
  return database && statesIn(database, server);
}

function statesIn(database: IndexedDatabase, server: string): KeptStates {
  let opened: string | undefined;
  const proposed = new Map<ClientIndex, number>();
  const key = (client: ClientIndex, ...task: readonly number[]) => {
    if (opened === undefined) throw new Error('private state is asked for before its run is known');
    return [server, opened, client, ...task];
  };

  return {
    open(run) {
      opened = run;
    },
    get: (client) => database.read((store) => store.get(key(client))) as Promise<Uint8Array | undefined>,
    put: (client, state) => database.write((store) => store.put(state, key(client))),
    propose(client, task, state) {
      const before = proposed.get(client);
      proposed.set(client, task);
      return database.write((store) => {
        if (before !== undefined && before !== task) store.delete(key(client, before));
        store.put(state, key(client, task));
      });
    },
    commit: (client, task) => {
      return database.write((store) => {
        const found = store.get(key(client, task));
        found.onsuccess = () => {
          // Told again, or a client that keeps nothing: there is nothing to commit.
          if (found.result === undefined) return;
          store.put(found.result, key(client));
          store.delete(key(client, task));
        };
      });
    },
    drop: (client, task) => database.write((store) => store.delete(key(client, task))),
    async forget(clients) {
      if (opened === undefined) return;
      const hosted = clients.map((client) => key(knownClient(client)));
      await database.write((store) => {
        for (const client of hosted) {
          store.delete(client);
          // What is not settled, also of an earlier page.
          store.delete(keysUnder(...client));
        }
      });
    },
    close: async () => database.close(),
  };
}
