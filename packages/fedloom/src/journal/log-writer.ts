import type { Clock } from '../core/clock.js';
import { EntryEncoder, encodeEntry, encodeHead, readLog } from './entries.js';
import { type InlineBlob, withoutBlobs } from './payload.js';
import type { BlobName, JournalStorage } from './storage.js';

/** How long a record may wait for another that must be written. */
const SOON_MS = 200;

interface Waiting {
  /** As `recordText` makes them. */
  readonly records: readonly string[];
  readonly blobs: readonly InlineBlob[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface LogWriterOptions {
  /** Whether a blob that lies in the log is still needed. */
  readonly isHeld: (name: BlobName) => boolean;
  /** Bytes of blobs in the log above which those that nobody holds are taken out. */
  readonly compactAboveBytes: number;
  readonly clock: Clock;
  /** Blobs that the log holds already, and their bytes. */
  readonly inLog?: ReadonlyMap<BlobName, number>;
}

/**
 * Appends records to a journal's log, with the small blobs that they name, one write at a time: what comes while the disk is
 * busy shares the next write, and its one wait. After a write that failed nobody knows what lies on the disk, so that none
 * follows it.
 *
 * Blobs that nobody holds any more are taken out of the log now and then, so that it grows with the rounds and not with their
 * models: seldom enough that each byte is copied about once.
 */
export class LogWriter {
  /** Appends so far. */
  writes = 0;
  #waiting: Waiting[] = [];
  /** Ends the wait of what can wait. */
  #cancelTimer: (() => void) | undefined;
  #writing: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  readonly #inLog: Map<BlobName, number>;
  /** Of the blobs in the log. */
  #blobBytes: number;
  #compactAbove: number;
  readonly #encoder = new EntryEncoder();

  constructor(
    private readonly storage: JournalStorage,
    private readonly options: LogWriterOptions,
  ) {
    this.#inLog = new Map(options.inLog);
    this.#blobBytes = sum(this.#inLog.values());
    this.#compactAbove = options.compactAboveBytes;
  }

  /**
   * Settles when the records would survive a loss of power: all of them or, if the power goes before, none.
   * @param records each as `recordText` makes it
   * @param blobs those that the records name and that have no file
   * @throws FedloomError `store.*`, of this write or of one that failed before
   */
  append(records: readonly string[], blobs: readonly InlineBlob[] = []): Promise<void> {
    const written = this.#enqueue(records, blobs);
    this.flush();
    return written;
  }

  /** As `append`, for what can wait a little for the next write, and share it. */
  appendSoon(records: readonly string[]): Promise<void> {
    const written = this.#enqueue(records, []);
    this.#cancelTimer ??= this.options.clock.setTimer(SOON_MS, () => this.flush());
    return written;
  }

  /** Begins to write whatever waits. */
  flush(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#waiting.length > 0) this.#writing ??= this.#writeAll();
  }

  #enqueue(records: readonly string[], blobs: readonly InlineBlob[]): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) reject(this.#failure.error);
      else this.#waiting.push({ records, blobs, resolve, reject });
    });
  }

  /** Refuses everything from now on: something that the next records rest on could not be written. */
  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  /** Writes whatever waits, and settles when it is written; never rejects. */
  async idle(): Promise<void> {
    this.flush();
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        if (this.#failure !== undefined) throw this.#failure.error;
        this.writes += 1;
        await this.#write(batch);
        for (const { resolve } of batch) resolve();
        if (this.#blobBytes > this.#compactAbove) await this.#compact();
      } catch (error) {
        this.#failure ??= { error };
        // Those of a batch that was written have been told.
        for (const { reject } of batch) reject(error);
      }
    }
    this.#writing = undefined;
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    const blobs = new Map<BlobName, InlineBlob>();
    for (const blob of batch.flatMap((one) => one.blobs)) if (!this.#inLog.has(blob.name)) blobs.set(blob.name, blob);
    const records = `[${batch.flatMap((one) => one.records).join(',')}]`;
    await this.storage.append(this.#encoder.encode(records, [...blobs.values()]));
    for (const { name, bytes } of blobs.values()) {
      this.#inLog.set(name, bytes.length);
      this.#blobBytes += bytes.length;
    }
  }

  async #compact(): Promise<void> {
    const { isHeld, compactAboveBytes } = this.options;
    const { entries, end } = readLog(await this.storage.readLog());
    if (end.kind !== 'whole') {
      // The disk has damaged it. What follows the damage can still be saved: whoever reads it next is told.
      this.#compactAbove = Number.POSITIVE_INFINITY;
      return;
    }
    for (const name of this.#inLog.keys()) if (!isHeld(name)) this.#inLog.delete(name);
    // Whoever is stored meanwhile and lies in the old log is written anew by the entry that names it.
    const kept = entries.map(({ payload }) => encodeEntry(withoutBlobs(payload, (name) => this.#inLog.has(name))));
    await this.storage.replaceLog(joined([encodeHead(), ...kept]));
    this.#blobBytes = sum(this.#inLog.values());
    this.#compactAbove = 2 * this.#blobBytes + compactAboveBytes;
  }
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(sum(parts.map(({ length }) => length)));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
