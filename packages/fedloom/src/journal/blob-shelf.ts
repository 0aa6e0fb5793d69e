import type { HashFunction } from '../core/hash.js';
import { type BlobKind, type BlobName, blobName, type JournalStorage } from './storage.js';

/** Bytes on their way to the disk, or there. Whoever stored them holds them: they stay until as many `release`s. */
export interface StoredBlob {
  readonly name: BlobName;
  /** `sha256:<hex>` of the bytes. */
  readonly hash: string;
  /** Settles when they are safe. @throws FedloomError `store.*` */
  readonly stored: Promise<void>;
}

interface Shelved {
  holders: number;
  stored: Promise<void>;
  safe: boolean;
}

/**
 * A journal's blobs, by the hashes of their bytes: equal bytes lie there once. A blob that nobody holds is deleted in the
 * background; a failure of that costs room on the disk and nothing else, since the next process sweeps.
 */
export class BlobShelf {
  readonly #shelved = new Map<BlobName, Shelved>();
  /** Deletions under way: a blob of the same name waits for them. */
  readonly #deleting = new Map<BlobName, Promise<void>>();

  constructor(
    private readonly storage: JournalStorage,
    private readonly hash: HashFunction,
  ) {}

  /**
   * Begins to write the bytes, unless they are there already. They must not change until they are stored.
   * @param hash of the bytes, where the caller knows it
   */
  store(kind: BlobKind, bytes: Uint8Array, hash = this.hash(bytes)): StoredBlob {
    const name = blobName(kind, hash);
    const known = this.#shelved.get(name);
    if (known !== undefined) {
      known.holders += 1;
      return { name, hash, stored: known.stored };
    }
    const stored = (this.#deleting.get(name) ?? Promise.resolve()).then(() => this.storage.put(name, bytes));
    const shelved: Shelved = { holders: 1, stored, safe: false };
    this.#shelved.set(name, shelved);
    stored.then(
      () => {
        shelved.safe = true;
      },
      // Whoever commits it hears of it.
      () => {},
    );
    return { name, hash, stored };
  }

  /** Whether it need not be waited for. */
  isSafe({ name }: StoredBlob): boolean {
    return this.#shelved.get(name)?.safe ?? false;
  }

  /** Holds a blob that an earlier process has stored. */
  hold(name: BlobName): void {
    const known = this.#shelved.get(name);
    if (known === undefined) this.#shelved.set(name, { holders: 1, stored: Promise.resolve(), safe: true });
    else known.holders += 1;
  }

  /** Lets go of a blob once. */
  release(name: BlobName): void {
    const known = this.#shelved.get(name);
    if (known === undefined) return;
    known.holders -= 1;
    if (known.holders > 0) return;
    this.#shelved.delete(name);
    const deleted = known.stored.then(() => this.storage.delete(name)).catch(() => {});
    this.#deleting.set(name, deleted);
    void deleted.then(() => {
      if (this.#deleting.get(name) === deleted) this.#deleting.delete(name);
    });
  }

  /** Deletes what a process that ended has left and nobody holds. */
  async sweep(): Promise<void> {
    const left = (await this.storage.list()).filter((name) => !this.#shelved.has(name));
    await Promise.all(left.map((name) => this.storage.delete(name)));
  }

  /** Settles when nothing is being written or deleted; never rejects. */
  async idle(): Promise<void> {
    await Promise.allSettled([...this.#shelved.values()].map(({ stored }) => stored));
    await Promise.allSettled(this.#deleting.values());
  }
}
