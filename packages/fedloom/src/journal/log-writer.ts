import { encodeEntry } from './entries.js';
import type { JournalRecord } from './record.js';
import { encodeRecords } from './record-codec.js';
import type { JournalStorage } from './storage.js';

interface Waiting {
  readonly records: readonly JournalRecord[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Appends records to a journal's log, one write at a time: what comes while the disk is busy shares the next write, and its
 * one wait. After a write that failed nobody knows what lies on the disk, so that none follows it.
 */
export class LogWriter {
  /** Writes so far. */
  writes = 0;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(private readonly storage: JournalStorage) {}

  /**
   * Settles when the records would survive a loss of power: all of them or, if the power goes before, none.
   * @throws FedloomError `store.*`, of this write or of one that failed before
   */
  append(records: readonly JournalRecord[]): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure.error);
      this.#waiting.push({ records, resolve, reject });
      this.#writing ??= this.#writeAll();
    });
  }

  /** Refuses everything from now on: something that the next records rest on could not be written. */
  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  /** Settles when nothing is being written; never rejects. */
  async idle(): Promise<void> {
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        if (this.#failure !== undefined) throw this.#failure.error;
        this.writes += 1;
        await this.storage.append(encodeEntry(encodeRecords(batch.flatMap(({ records }) => records))));
        for (const { resolve } of batch) resolve();
      } catch (error) {
        this.#failure ??= { error };
        for (const { reject } of batch) reject(error);
      }
    }
    this.#writing = undefined;
  }
}
