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
  getAll(range: unknown, count?: number): Request<unknown[]>;
  count(range: unknown): Request<number>;
  put(value: unknown, key: DatabaseKey): Request<unknown>;
  delete(keyOrRange: unknown): Request<undefined>;
}

interface Transaction {
  objectStore(name: string): ObjectStore;
  abort(): void;
  readonly error: unknown;
  oncomplete: (() => void) | null;
  onabort: (() => void) | null;
}

interface Database {
  createObjectStore(name: string): unknown;
  transaction(store: string, mode: string, options: { readonly durability: 'strict' }): Transaction;
  close(): void;
  onversionchange: (() => void) | null;
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

  /** @returns undefined where the browser has no IndexedDB, or none for this page: in some private windows. @throws FedloomError `browser.storage` */
  static async open(name: string): Promise<IndexedDatabase | undefined> {
    const { indexedDB } = globalThis as unknown as Platform;
    if (indexedDB === undefined) return undefined;
    try {
      const opening = indexedDB.open(name, 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
      const database = await done(opening);
      // Else somebody who deletes it waits for this page.
      database.onversionchange = () => database.close();
      return new IndexedDatabase(name, database);
    } catch (cause) {
      // What browsers say that give this page no database at all.
      if (['SecurityError', 'InvalidStateError'].includes(String(nameOf(cause)))) return undefined;
      throw storageError('open', name, cause);
    }
  }

  /** What `read` asks for, as every write before has left it. @throws FedloomError `browser.storage` */
  async read<T>(read: (store: ObjectStore) => Request<T>): Promise<T> {
    return this.#named('read', () => done(read(this.#transaction('readonly').objectStore(STORE))));
  }

  /**
   * Does all of it or nothing; settles when it would survive the end of the browser.
   * @param write what it throws, or gives to `refuse` once a request is answered, undoes all of it
   * @throws FedloomError `browser.storage`, or what was given to `refuse`
   */
  async write(write: (store: ObjectStore, refuse: (error: unknown) => void) => void): Promise<void> {
    return this.#named(
      'write',
      () =>
        new Promise<void>((resolve, reject) => {
          const transaction = this.#transaction('readwrite');
          transaction.oncomplete = () => resolve();
          transaction.onabort = () => reject(transaction.error);
          // The first rejection counts, and the abort that follows changes nothing.
          const refuse = (error: unknown) => {
            reject(error);
            transaction.abort();
          };
          try {
            write(transaction.objectStore(STORE), refuse);
          } catch (error) {
            refuse(error);
          }
        }),
    );
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
      throw cause instanceof FedloomError ? cause : storageError(doing, this.#name, cause);
    }
  }
}

function storageError(doing: string, database: string, cause: unknown): FedloomError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const room =
    nameOf(cause) === 'QuotaExceededError' ? ' Its room is used up: free some, or clear the data of this site.' : '';
  return new FedloomError(
    'browser.storage',
    `The browser could not ${doing} the database ${database} of this page: ${why}.${room}`,
    { database },
    { cause },
  );
}

function nameOf(error: unknown): unknown {
  return (error as { readonly name?: unknown } | null)?.name;
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
