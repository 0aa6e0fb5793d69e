import { open, readFile, rename, rm, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolders } from '../../core/node/make-folders.js';

/** Files of private state, each there whole or not at all, also after a loss of power. */
export interface StateFiles {
  /** Undefined where there is none. */
  read(path: string): Promise<Uint8Array | undefined>;
  /** In the place of what was there; makes the folders above that are missing. Settles when it would survive a loss of power. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** In the place of what was there; nothing where there is nothing to rename. */
  rename(from: string, to: string): Promise<void>;
  /** Nothing where there is none. */
  remove(path: string): Promise<void>;
  /** Others may keep something there: then it stays. */
  removeEmptyFolder(path: string): Promise<void>;
}

export const diskFiles: StateFiles = {
  async read(path) {
    const bytes = await readFile(path).catch(unlessMissing);
    return bytes === undefined ? undefined : new Uint8Array(bytes);
  },
  async write(path, bytes) {
    const temporary = `${path}.tmp`;
    await makeFolders(dirname(path));
    const file = await open(temporary, 'w');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  },
  rename: (from, to) => rename(from, to).catch(unlessMissing),
  remove: (path) => rm(path, { force: true }),
  removeEmptyFolder: (path) => rmdir(path).catch(() => {}),
};

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
