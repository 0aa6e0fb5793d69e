import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { storageError } from '../../core/node/storage-error.js';
import type { JournalSource } from '../storage.js';
import { LOG } from './folder-storage.js';

/**
 * The journal in a run's folder, for reading: it makes nothing, locks nothing, and changes nothing. A folder that is not there
 * holds an empty journal.
 */
export function folderSource(folder: string): JournalSource {
  const place = resolve(folder);
  const path = join(place, LOG);
  return {
    place,
    async readLog() {
      try {
        return await readFile(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Uint8Array();
        throw storageError(error, 'read', path);
      }
    },
  };
}
