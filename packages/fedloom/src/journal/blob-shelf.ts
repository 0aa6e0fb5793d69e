import type { Hash } from '../core/brands.js';
import type { HashFunction } from '../core/hash.js';
import { type BlobKind, type BlobName, blobName, type JournalStorage } from './storage.js';

/** Bytes on their way to the disk, or there. Whoever stored them holds them: they stay until as many `release`s. */
export interface StoredBlob {
  readonly name: BlobName;
  /** `sha256:<hex>` of the bytes. */
  readonly hash: Hash;
  /** Settles when they are safe. @throws FedloomError `store.*` */
  readonly stored: Promise<void>;
}

interface Shelved {
  holders: number;
  readonly stored: Promise<void>;
  safe: boolean;
  /** Of a blob that goes with the entry that names it, and has no file. */
  readonly inline?: Uint8Array;
}

/** All blobs without files together: they are kept in memory too. */
const INLINE_BYTES_IN_ALL = 32 * 2 ** 20;

/**
 * A journal's blobs, by the hashes of their bytes: equal bytes lie there once. Small ones are written with the entry that names
 * them, the others to files at once. A file that nobody holds is deleted in the background; a failure of that costs room on the
 * disk and nothing else, since the next process sweeps.
 */
export class BlobShelf {
  readonly #shelved = new Map<BlobName, Shelved>();
  /** Deletions under way: a blob of the same name waits for them. */
  readonly #deleting = new Map<BlobName, Promise<void>>();
  #inlineBytes = 0;

  /**
   * @param inlineBytesMax of a blob that needs no file
   */
  constructor(
    private readonly storage: JournalStorage,
    private readonly hash: HashFunction,
    private readonly inlineBytesMax: number,
  ) {}

  /**
   * Begins to write the bytes, unless they are there already or small. They must not change while they are held.
   * @param hash of the bytes, where the caller knows it
   */
  store(kind: BlobKind, bytes: Uint8Array, hash = this.hash(bytes)): StoredBlob {
    const name = blobName(kind, hash);
    const known = this.#shelved.get(name);
    if (known !== undefined) {
      known.holders += 1;
      return { name, hash, stored: known.stored };
    }
    if (kind !== 'plans' && this.#isSmall(bytes)) {
      this.#shelve(name, bytes);
      return { name, hash, stored: Promise.resolve() };
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

  /** The bytes that go with the entry that names the blob; undefined: they are in a file. */
  inline(name: BlobName): Uint8Array | undefined {
    return this.#shelved.get(name)?.inline;
  }

  isHeld(name: BlobName): boolean {
    return this.#shelved.has(name);
  }

  /** Holds a blob that an earlier process has stored. @param inline its bytes, if it has no file */
  hold(name: BlobName, inline?: Uint8Array): void {
    const known = this.#shelved.get(name);
    if (known === undefined) this.#shelve(name, inline);
    else known.holders += 1;
  }

  #isSmall({ length }: Uint8Array): boolean {
    return length <= this.inlineBytesMax && this.#inlineBytes + length <= INLINE_BYTES_IN_ALL;
  }

  #shelve(name: BlobName, inline: Uint8Array | undefined): void {
    this.#inlineBytes += inline?.length ?? 0;
    this.#shelved.set(name, { holders: 1, stored: Promise.resolve(), safe: true, ...(inline && { inline }) });
  }

  /** Lets go of a blob once. */
  release(name: BlobName): void {
    const known = this.#shelved.get(name);
    if (known === undefined) return;
    known.holders -= 1;
    if (known.holders > 0) return;
    this.#shelved.delete(name);
    if (known.inline !== undefined) {
      this.#inlineBytes -= known.inline.length;
      return;
    }
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
