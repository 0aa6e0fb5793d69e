import { open, readFile, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClientIndex } from '../../core/brands.js';
import { makeFolders } from '../../core/node/make-folders.js';
import { storageError } from '../../core/node/storage-error.js';
import type { StateStore } from '../state-store.js';

export interface FileStateStore extends StateStore {
  /** Takes away what was kept of the clients that this store was asked about. */
  forget(): Promise<void>;
}

/**
 * Keeps private state in a folder for each run, so that it outlives the client's process: `<client>.safetensors` as it last
 * committed, and `<client>.<task>.safetensors` for an update that is not settled yet, which is on the disk before its update
 * is sent. A folder may serve several processes that host different clients. It is made when there is something to keep.
 */
export function fileStateStore(folder: string): FileStateStore {
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
    get: (client) => inTurn(client, 'read', () => readIfThere(path(client))),
    put: (client, state) => inTurn(client, 'write', () => writeSafely(path(client), state)),
    propose(client, task, state) {
      const before = proposed.get(client);
      proposed.set(client, task);
      touched.add(client);
      return inTurn(client, 'write', async () => {
        if (before !== undefined && before !== task) await rm(path(client, before), { force: true });
        await writeSafely(path(client, task), state);
      });
    },
    commit: (client, task) =>
      inTurn(client, 'write', async () => {
        touched.add(client);
        // Told again, or a client that keeps nothing: there is nothing to commit.
        await rename(path(client, task), path(client)).catch(unlessMissing);
      }),
    drop: (client, task) => inTurn(client, 'write', () => rm(path(client, task), { force: true })),
    async forget() {
      for (const client of touched) {
        const task = proposed.get(client);
        await inTurn(client, 'delete', async () => {
          await rm(path(client), { force: true });
          if (task !== undefined) await rm(path(client, task), { force: true });
        });
      }
      if (runFolder === undefined) return;
      await removeIfEmpty(runFolder);
      await removeIfEmpty(folder);
    },
    async close() {
      await Promise.all(last.values());
    },
  };
}

/** Whole or not at all, and there after a loss of power. */
async function writeSafely(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.tmp`;
  await makeFolders(join(path, '..'));
  const file = await open(temporary, 'w');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  const bytes = await readFile(path).catch(unlessMissing);
  return bytes === undefined ? undefined : new Uint8Array(bytes);
}

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

/** Others may keep something there. */
async function removeIfEmpty(folder: string): Promise<void> {
  await rmdir(folder).catch(() => {});
}
