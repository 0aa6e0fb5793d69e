import { join } from 'node:path';
import type { ClientIndex } from '../../core/brands.js';
import { storageError } from '../../core/node/storage-error.js';
import type { StateStore } from '../state-store.js';
import { diskFiles, type StateFiles } from './state-files.js';

export interface FileStateStore extends StateStore {
  /** Takes away what was kept of the clients that this store was asked about. */
  forget(): Promise<void>;
}

/**
 * Keeps private state in a folder for each run, so that it outlives the client's process: `<client>.safetensors` as it last
 * committed, and `<client>.<task>.safetensors` for an update that is not settled yet, which is on the disk before its update
 * is sent. A folder may serve several processes that host different clients. It is made when there is something to keep.
 * @param files default: those of the disk
 */
export function fileStateStore(folder: string, files: StateFiles = diskFiles): FileStateStore {
  let runFolder: string | undefined;
  /** What is under way for a client: whatever comes next follows it. */
  const last = new Map<ClientIndex, Promise<unknown>>();
  const proposed = new Map<ClientIndex, number>();
  const touched = new Set<ClientIndex>();

  const path = (client: ClientIndex, task?: number) => {
    if (runFolder === undefined) throw new Error('private state is asked for before its run is known');
    return join(runFolder, task === undefined ? `${client}.safetensors` : `${client}.${task}.safetensors`);
  };
  const inTurn = <T>(client: ClientIndex, doing: string, work: () => Promise<T>): Promise<T> => {
    const done = (last.get(client) ?? Promise.resolve()).then(work).catch((error: unknown) => {
      throw storageError(error, `${doing} private state in`, path(client), '--state-dir');
    });
    const settled = done.catch(() => {});
    last.set(client, settled);
    void settled.then(() => {
      if (last.get(client) === settled) last.delete(client);
    });
    return done;
  };

  return {
    open(run) {
      // A colon cannot stand in a name everywhere.
      runFolder = join(folder, run.replaceAll(':', '_'));
    },
    get: (client) => inTurn(client, 'read', () => files.read(path(client))),
    put: (client, state) => inTurn(client, 'write', () => files.write(path(client), state)),
    propose(client, task, state) {
      const before = proposed.get(client);
      proposed.set(client, task);
      touched.add(client);
      return inTurn(client, 'write', async () => {
        if (before !== undefined && before !== task) await files.remove(path(client, before));
        await files.write(path(client, task), state);
      });
    },
    commit: (client, task) =>
      inTurn(client, 'write', async () => {
        touched.add(client);
        // Told again, or a client that keeps nothing: there is nothing to commit.
        await files.rename(path(client, task), path(client));
      }),
    drop: (client, task) => inTurn(client, 'write', () => files.remove(path(client, task))),
    async forget() {
      for (const client of touched) {
        const task = proposed.get(client);
        await inTurn(client, 'delete', async () => {
          await files.remove(path(client));
          if (task !== undefined) await files.remove(path(client, task));
        });
      }
      if (runFolder === undefined) return;
      await files.removeEmptyFolder(runFolder);
      await files.removeEmptyFolder(folder);
    },
    async close() {
      await Promise.all(last.values());
    },
  };
}
