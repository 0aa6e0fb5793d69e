import { constants } from 'node:fs';
import { type FileHandle, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { makeFolders } from '../../core/node/make-folders.js';
import { storageError } from '../../core/node/storage-error.js';
import { type BlobName, hashIn, type JournalStorage } from '../storage.js';
import { acquireLock, type Lock } from './lock.js';

/*
 * Plain files, not an embedded store: the journal needs one append a round and whole files of up to a few hundred megabytes,
 * which people can open with any safetensors reader when all else fails. A store with pages (lmdb) would copy each model
 * through its map, grow a file that does not shrink, and add a native addon to every install.
 */

export const LOG = 'journal.log';
const LOCK = 'journal.lock';
/** On Linux a write returns when it is safe: one call where two would do. Elsewhere that is not to be relied on. */
const IS_SYNCHRONOUS = process.platform === 'linux';
const LOG_FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | (IS_SYNCHRONOUS ? constants.O_DSYNC : 0);
const BLOB_FOLDERS = ['versions', 'states', 'plans'] as const;
const TEMPORARY = '.tmp';

/**
 * A journal in a run's folder: `journal.log`, and blobs in `versions/`, `states/` and `plans/`. The folder is made if it is
 * missing, and belongs to this process until `close`.
 * @throws FedloomError `journal.locked` while another process holds it, `store.*`
 */
export async function folderStorage(folder: string): Promise<JournalStorage> {
  const path = resolve(folder);
  try {
    await makeFolders(path);
    const lock = await acquireLock(join(path, LOCK));
    try {
      return await FolderStorage.open(path, lock);
    } catch (error) {
      await lock.release();
      throw error;
    }
  } catch (error) {
    throw storageError(error, 'open the journal in', path);
  }
}

class FolderStorage implements JournalStorage {
  /** Folders whose entries are being made durable: whoever comes meanwhile shares the next time. */
  readonly #syncs = new Map<string, SharedWork>();
  readonly #made = new Map<string, Promise<void>>();
  #underWay: Promise<void> = Promise.resolve();

  private constructor(
    readonly place: string,
    private readonly lock: Lock,
    private log: FileHandle,
  ) {}

  static async open(path: string, lock: Lock): Promise<FolderStorage> {
    const log = await open(join(path, LOG), LOG_FLAGS);
    const storage = new FolderStorage(path, lock, log);
    await storage.#syncFolder(path);
    await storage.#removeTemporaries();
    return storage;
  }

  async readLog(): Promise<Uint8Array> {
    return this.#do('read', LOG, () => readFile(join(this.place, LOG)));
  }

  async cutLog(bytes: number): Promise<void> {
    await this.#do('write', LOG, async () => {
      await this.log.truncate(bytes);
      await this.log.sync();
    });
  }

  async append(bytes: Uint8Array): Promise<void> {
    await this.#do('write', LOG, () => writeThrough(this.log, bytes));
  }

  async replaceLog(bytes: Uint8Array): Promise<void> {
    await this.#do('write', LOG, async () => {
      const temporary = join(this.place, `${LOG}${TEMPORARY}`);
      await rm(temporary, { force: true });
      const log = await open(temporary, LOG_FLAGS);
      try {
        await writeThrough(log, bytes);
        await rename(temporary, join(this.place, LOG));
      } catch (error) {
        await log.close();
        throw error;
      }
      await this.log.close();
      this.log = log;
      await this.#syncFolder(this.place);
    });
  }

  async put(name: BlobName, bytes: Uint8Array): Promise<void> {
    await this.#do('write', name, async () => {
      const path = join(this.place, name);
      await this.#makeFolder(dirname(path));
      const temporary = `${path}${TEMPORARY}`;
      try {
        const file = await open(temporary, 'w');
        try {
          await file.writeFile(bytes);
          // Before the name: else a loss of power could leave the name with no bytes.
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(temporary, path);
      } catch (error) {
        await rm(temporary, { force: true }).catch(() => {});
        throw error;
      }
      await this.#syncFolder(dirname(path));
    });
  }

  async get(name: BlobName): Promise<Uint8Array | undefined> {
    return this.#do('read', name, () => orUndefined(readFile(join(this.place, name))));
  }

  async list(): Promise<BlobName[]> {
    const names = await Promise.all(BLOB_FOLDERS.map((kind) => this.#namesIn(kind)));
    return names.flat().filter((name): name is BlobName => hashIn(name) !== undefined);
  }

  async delete(name: BlobName): Promise<void> {
    await this.#do('delete', name, () => rm(join(this.place, name), { force: true }));
  }

  async close(): Promise<void> {
    await this.#underWay;
    await this.log.close();
    await this.lock.release();
  }

  async #removeTemporaries(): Promise<void> {
    const names = await Promise.all(BLOB_FOLDERS.map((kind) => this.#namesIn(kind)));
    const left = [`${LOG}${TEMPORARY}`, ...names.flat().filter((name) => name.endsWith(TEMPORARY))];
    await Promise.all(left.map((name) => rm(join(this.place, name), { force: true })));
  }

  async #namesIn(kind: string): Promise<string[]> {
    const names = await this.#do('read', kind, () => orUndefined(readdir(join(this.place, kind))));
    return (names ?? []).map((name) => `${kind}/${name}`);
  }

  #makeFolder(path: string): Promise<void> {
    let made = this.#made.get(path);
    if (made === undefined) {
      made = makeFolders(path).then(() => this.#syncFolder(dirname(path)));
      this.#made.set(path, made);
    }
    return made;
  }

  #syncFolder(path: string): Promise<void> {
    let sync = this.#syncs.get(path);
    if (sync === undefined) {
      sync = new SharedWork(() => syncFolder(path));
      this.#syncs.set(path, sync);
    }
    return sync.next();
  }

  async #do<T>(doing: string, name: string, work: () => Promise<T>): Promise<T> {
    const done = work();
    this.#underWay = Promise.allSettled([this.#underWay, done]).then(() => {});
    try {
      return await done;
    } catch (error) {
      throw storageError(error, doing, join(this.place, name));
    }
  }
}

/** Work of which one time serves all who asked before it began. */
class SharedWork {
  #current: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(private readonly work: () => Promise<void>) {}

  /** Settles after a time that begins from now on. */
  next(): Promise<void> {
    this.#next ??= (this.#current ?? Promise.resolve())
      .catch(() => {})
      .then(() => {
        this.#current = this.#next;
        this.#next = undefined;
        return this.work();
      });
    return this.#next;
  }
}

/** Appends, and returns when the bytes would survive a loss of power. */
async function writeThrough(file: FileHandle, bytes: Uint8Array): Promise<void> {
  let written = 0;
  while (written < bytes.length) written += (await file.write(bytes, written)).bytesWritten;
  // It also writes the length, without which the bytes could not be read.
  if (!IS_SYNCHRONOUS) await file.datasync();
}

/** Makes the names in a folder durable. Windows has no such call, and needs none. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function orUndefined<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
