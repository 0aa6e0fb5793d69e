import type { Hash } from '../../core/brands.js';
import type { HashFunction } from '../../core/hash.js';
import type { openJournal } from './open-journal.js';

/** What a run has of the platform that it is on. */
export interface RunPlatform {
  readonly hash: HashFunction;
  /** Hashes on another thread; the bytes may change as soon as it returns. */
  readonly hashBeside: (bytes: Uint8Array) => Promise<Hash>;
  /** What updates may take at one time where nothing else is said, in bytes. */
  readonly memoryBytes: number;
  /** Makes what frees at once all that nobody holds; absent where the platform has no such thing. */
  readonly garbageCollector?: () => () => void;
  /** Absent where runs are not written down. */
  readonly openJournal?: typeof openJournal;
}
