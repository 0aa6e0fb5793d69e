import { FedloomError } from '@fedloom/engine/base';

/** A number, a text, or a list of them. */
export type DatabaseKey = number | string | readonly DatabaseKey[];

interface Request<T> {
  readonly result: T;
  readonly error: unknown;
  onsuccess: (() => void) | null;
  onerror: (() => void) | null;
}

/** What is used of an `IDBObjectStore`. Requests of one transaction are done in their order. */
export interface ObjectStore {
  get(key: DatabaseKey): Request<unknown>;
  getAll(range: unknown): Request<unknown[]>;
  put(value: unknown, key: DatabaseKey): Request<unknown>;
  delete(keyOrRange: unknown): Request<undefined>;
}

interface Transaction {
  objectStore(name: string): ObjectStore;
  readonly error: unknown;
  oncomplete: (() => void) | null;
  onabort: (() => void) | null;
}

interface Database {
  createObjectStore(name: string): unknown;
  transaction(store: string, mode: string, options: { readonly durability: 'strict' }): Transaction;
  close(): void;
}

interface Platform {
  readonly indexedDB?: {
    open(name: string, version: number): Request<Database> & { onupgradeneeded: (() => void) | null };
  };
  readonly IDBKeyRange?: { bound(lower: DatabaseKey, upper: DatabaseKey): unknown };
}

const STORE = 'values';

/** A database of the browser's for this page's origin: values by their keys. */
export class IndexedDatabase {
  readonly #name: string;
  readonly #database: Database;

  private constructor(name: string, database: Database) {
    this.#name = name;
    this.#database = database;
  }

  /** @returns undefined where the browser has no IndexedDB, or none for this page: in some private windows. */
  static async open(name: string): Promise<IndexedDatabase | undefined> {
    const { indexedDB } = globalThis as unknown as Platform;
    if (indexedDB === undefined) return undefined;
    try {
      const opening = indexedDB.open(name, 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
      return new IndexedDatabase(name, await done(opening));
    } catch {
      return undefined;
    }
  }

  /** What `read` asks for, as every write before has left it. @throws FedloomError `browser.storage` */
  async read<T>(read: (store: ObjectStore) => Request<T>): Promise<T> {
    return this.#named('read', () => done(read(this.#transaction('readonly').objectStore(STORE))));
  }

  /** Does all of it or nothing; settles when it would survive the end of the browser. @throws FedloomError `browser.storage` */
  async write(write: (store: ObjectStore) => void): Promise<void> {
    return this.#named('write', async () => {
      const transaction = this.#transaction('readwrite');
      const ended = new Promise<void>((resolve, reject) => {
        transaction.oncomplete = () => resolve();
        transaction.onabort = () => reject(transaction.error);
      });
      write(transaction.objectStore(STORE));
      await ended;
    });
  }

  close(): void {
    this.#database.close();
  }

  #transaction(mode: 'readonly' | 'readwrite'): Transaction {
    return this.#database.transaction(STORE, mode, { durability: 'strict' });
  }

  async #named<T>(doing: 'read' | 'write', work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new FedloomError(
        'browser.storage',
        `The browser could not ${doing} the database ${this.#name} of this page: ${why}. Its room may be used up: free some, or clear the data of this site.`,
        { database: this.#name },
        { cause },
      );
    }
  }
}

/** Keys that begin as `start` does, and go on with a number or a text. */
export function keysUnder(...start: readonly DatabaseKey[]): unknown {
  const { IDBKeyRange } = globalThis as unknown as Platform;
  // Lists come after numbers and texts.
  return IDBKeyRange?.bound([...start, Number.NEGATIVE_INFINITY], [...start, []]);
}

function done<T>(request: Request<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
