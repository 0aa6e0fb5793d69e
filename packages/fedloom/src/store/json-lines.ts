import { type FileHandle, open } from 'node:fs/promises';
import { storageError } from '../core/node/storage-error.js';

/** Lines wait so long for company: a write costs more than a line. */
const GATHER_MS = 100;

export interface JsonLinesOptions {
  /** After so long at most, in milliseconds, what was written is on the disk, and at the end. Default: that is up to the system. */
  readonly syncAfterMs?: number;
}

/**
 * A file of one JSON object a line. Lines are written in the order of `append`, whole and in batches; a write that fails
 * shows at the next `check` or `flush`, and nothing is written after it.
 */
export class JsonLines {
  #waiting: string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #syncTimer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #failure: unknown;

  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
    private readonly options: JsonLinesOptions,
  ) {}

  static async create(path: string, options: JsonLinesOptions = {}): Promise<JsonLines> {
    try {
      return new JsonLines(path, await open(path, 'a'), options);
    } catch (error) {
      throw storageError(error, 'write', path);
    }
  }

  append(record: object): void {
    this.appendText(JSON.stringify(record));
  }

  /** @param line of JSON, without its end */
  appendText(line: string): void {
    if (this.#failure !== undefined) return;
    this.#waiting.push(`${line}\n`);
    this.#timer ??= setTimeout(() => this.#write(), GATHER_MS);
  }

  /** @throws FedloomError `store.*` when something could not be written; what still waits may fail later. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Settles when all that was appended is in the file. @throws FedloomError `store.*` when it could not be written */
  async flush(): Promise<void> {
    this.#write();
    await this.#writing;
    this.check();
  }

  async close(): Promise<void> {
    try {
      await this.flush();
      if (this.options.syncAfterMs !== undefined) this.#sync();
      await this.#writing;
      this.check();
    } finally {
      clearTimeout(this.#syncTimer);
      await this.file.close();
    }
  }

  #sync(): void {
    clearTimeout(this.#syncTimer);
    this.#syncTimer = undefined;
    this.#writing = this.#writing.then(async () => {
      try {
        await this.file.datasync();
      } catch (error) {
        this.#failure ??= storageError(error, 'write', this.path);
      }
    });
  }

  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.then(async () => {
      if (this.#waiting.length === 0 || this.#failure !== undefined) return;
      const lines = this.#waiting.join('');
      this.#waiting = [];
      try {
        await this.file.writeFile(lines);
        const { syncAfterMs } = this.options;
        if (syncAfterMs !== undefined) this.#syncTimer ??= setTimeout(() => this.#sync(), syncAfterMs);
      } catch (error) {
        this.#failure = storageError(error, 'write', this.path);
      }
    });
  }
}
