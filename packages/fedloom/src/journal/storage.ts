import { type Hash, hashFrom } from '../core/brands.js';

/** A journal's log for reading, while whoever owns it may go on writing. All errors are `FedloomError`s `store.*` that name the place. */
export interface JournalSource {
  /** For messages: the folder, or whatever says where it is. */
  readonly place: string;
  /** All bytes of the log; none when there is no log yet. */
  readLog(): Promise<Uint8Array>;
}

/**
 * Where a run's journal lies: one log that only grows, and blobs. Every implementation passes
 * `testing/storage-conformance.ts`.
 */
export interface JournalStorage extends JournalSource {
  /** Cuts the log to its first `bytes`, for good. */
  cutLog(bytes: number): Promise<void>;
  /**
   * Writes behind the last byte of the log; settles when the bytes would survive a loss of power. One at a time: the next
   * call comes after the last has settled, and the bytes are the caller's again then. One that fails may leave a part of its
   * bytes, and none may follow it.
   */
  append(bytes: Uint8Array): Promise<void>;
  /**
   * Puts these bytes in the place of the whole log: after a crash at any moment it is the old one or the new one. Not beside an
   * `append`. After one that fails, nobody knows which it is, and no append may follow.
   */
  replaceLog(bytes: Uint8Array): Promise<void>;
  /**
   * Writes a blob so that it is there whole or not at all, also after a loss of power once this settles. Calls for different
   * names may run at the same time. The bytes must not change until it settles.
   */
  put(name: BlobName, bytes: Uint8Array): Promise<void>;
  get(name: BlobName): Promise<Uint8Array | undefined>;
  /** Names of all blobs, in no order. */
  list(): Promise<BlobName[]>;
  /** It is no error when there is no such blob. */
  delete(name: BlobName): Promise<void>;
  /** Lets go of the place, so that another process may have it. Waits for what is under way. */
  close(): Promise<void>;
}

/** What blobs are of: versions of the model, private state of simulated clients, the plan. */
export type BlobKind = 'versions' | 'states' | 'plans';

/** `versions/` and the like, 64 hexadecimal digits of the bytes' SHA-256, `.safetensors` or another ending. */
export type BlobName = `${BlobKind}/${string}`;

const ENDINGS: Readonly<Record<BlobKind, string>> = { versions: 'safetensors', states: 'safetensors', plans: 'onnx' };

/** The name of the blob with these bytes. @param hash as `sha256:<hex>` */
export function blobName(kind: BlobKind, hash: Hash): BlobName {
  return `${kind}/${hash.replace(/^sha256:/, '')}.${ENDINGS[kind]}`;
}

/** The hash in a blob's name, as `sha256:<hex>`; undefined for a name that is none of ours. */
export function hashIn(name: string): Hash | undefined {
  const hex = /^(?:versions|states|plans)\/([0-9a-f]{64})\.[a-z]+$/.exec(name)?.[1];
  return hex === undefined ? undefined : hashFrom(`sha256:${hex}`);
}
