import { FedloomError } from '@fedloom/engine/base';
import { type BlobName, hashIn, type JournalStorage } from '../storage.js';

/** What a storage does at its n-th write, counted from 1. A write is an append, a put, a delete, a cut or a new log. */
export interface Fault {
  readonly write: number;
  /**
   * - `crash`: the process is gone; nothing after this comes to the disk, and every call fails;
   * - `full`: this write and all later ones find the disk full.
   */
  readonly kind: 'crash' | 'full';
  /** Of an append: how many of its bytes come to the disk. Default none. */
  readonly tornBytes?: number;
  /** Of other writes: whether it comes to the disk nevertheless. Default false. */
  readonly landed?: boolean;
}

/** What lies on the disk. */
export class MemoryDisk {
  log = new Uint8Array();
  readonly blobs = new Map<BlobName, Uint8Array>();

  copy(): MemoryDisk {
    const disk = new MemoryDisk();
    disk.log = this.log.slice();
    for (const [name, bytes] of this.blobs) disk.blobs.set(name, bytes.slice());
    return disk;
  }
}

/** A crash, as the process that crashed cannot see it: for tests to tell it from errors. */
export class Crash extends Error {}

/** A journal's storage in memory, with a disk that outlives it and faults to order. */
export class MemoryStorage implements JournalStorage {
  readonly place = 'memory';
  /** Writes so far. */
  writes = 0;
  /** Bytes of each append, by the number of its write. */
  readonly appends = new Map<number, number>();
  #crashed = false;
  #appending = false;

  constructor(
    readonly disk = new MemoryDisk(),
    private readonly fault?: Fault,
    /** Lets others go first, as a disk does: called before each write. */
    private readonly pause: () => Promise<void> = async () => {},
  ) {}

  async readLog(): Promise<Uint8Array> {
    this.#checkAlive();
    return this.disk.log.slice();
  }

  async cutLog(bytes: number): Promise<void> {
    await this.#write(() => {
      this.disk.log = this.disk.log.slice(0, bytes);
    });
  }

  async append(bytes: Uint8Array): Promise<void> {
    if (this.#appending) throw new Error('one append at a time');
    this.#appending = true;
    const add = (count: number) => {
      const log = new Uint8Array(this.disk.log.length + count);
      log.set(this.disk.log);
      log.set(bytes.subarray(0, count), this.disk.log.length);
      this.disk.log = log;
    };
    try {
      await this.#write(
        () => add(bytes.length),
        () => add(Math.min(this.fault?.tornBytes ?? 0, bytes.length)),
        bytes.length,
      );
    } finally {
      this.#appending = false;
    }
  }

  async replaceLog(bytes: Uint8Array): Promise<void> {
    if (this.#appending) throw new Error('the log is not replaced beside an append');
    await this.#write(() => {
      this.disk.log = bytes.slice();
    });
  }

  async put(name: BlobName, bytes: Uint8Array): Promise<void> {
    await this.#write(() => this.disk.blobs.set(name, bytes.slice()));
  }

  async get(name: BlobName): Promise<Uint8Array | undefined> {
    this.#checkAlive();
    return this.disk.blobs.get(name)?.slice();
  }

  async list(): Promise<BlobName[]> {
    this.#checkAlive();
    return [...this.disk.blobs.keys()].filter((name) => hashIn(name) !== undefined);
  }

  async delete(name: BlobName): Promise<void> {
    await this.#write(() => this.disk.blobs.delete(name));
  }

  async close(): Promise<void> {}

  async #write(
    work: () => void,
    part: () => void = () => this.fault?.landed && work(),
    appended?: number,
  ): Promise<void> {
    await this.pause();
    this.#checkAlive();
    this.writes += 1;
    if (appended !== undefined) this.appends.set(this.writes, appended);
    const { fault, writes } = this;
    if (fault === undefined || writes < fault.write) return work();
    if (writes === fault.write) part();
    if (fault.kind === 'full')
      throw new FedloomError('store.full', 'The disk is full.', { path: 'memory', system: 'ENOSPC' });
    this.#crashed = true;
    throw new Crash();
  }

  #checkAlive(): void {
    if (this.#crashed) throw new Crash();
  }
}
