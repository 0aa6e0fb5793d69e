import { type FileHandle, open } from 'node:fs/promises';
import { storageError } from './storage-error.js';

/**
 * A file of one JSON object a line. Lines are written in the order of `append`, whole and in batches; a write that fails
 * shows at the next `flush`, and nothing is written after it.
 */
export class JsonLines {
  #waiting: string[] = [];
  #writing: Promise<void> | undefined;
  #failure: unknown;

  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
  ) {}

  static async create(path: string): Promise<JsonLines> {
    try {
      return new JsonLines(path, await open(path, 'a'));
    } catch (error) {
      throw storageError(error, 'write', path);
    }
  }

  append(record: object): void {
    if (this.#failure !== undefined) return;
    this.#waiting.push(`${JSON.stringify(record)}\n`);
    this.#writing ??= this.#write();
  }

  /** @throws FedloomError `store.*` when something could not be written; what still waits may fail later. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Settles when all that was appended is in the file. @throws FedloomError `store.*` when it could not be written */
  async flush(): Promise<void> {
    await this.#writing;
    this.check();
  }

  async close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      await this.file.close();
    }
  }

  async #write(): Promise<void> {
    // A turn later: what one turn appends goes out as one write.
    await Promise.resolve();
    try {
      while (this.#waiting.length > 0) {
        const lines = this.#waiting.join('');
        this.#waiting = [];
        await this.file.writeFile(lines);
      }
    } catch (error) {
      this.#failure = storageError(error, 'write', this.path);
    } finally {
      this.#writing = undefined;
    }
  }
}
