import { statSync, unwatchFile, watchFile } from 'node:fs';
import { FedloomError } from '@fedloom/engine';
import { readSecretFile } from '../../protocol/node/secret-file.js';

/** How often it is looked at: not all file systems tell of changes. */
const LOOK_EVERY_MS = 1_000;

/** What a file says that may change meanwhile. What cannot be read changes nothing, and is told. */
export class WatchedFile<T> {
  #state: string;
  #value: T;
  readonly #watchers = new Set<{ readonly changed: () => void }>();
  readonly #tell = (): void => {
    for (const { changed } of [...this.#watchers]) changed();
  };

  /** @throws FedloomError `auth.file`, `auth.open-file`, and what `parse` throws */
  constructor(
    private readonly file: string,
    private readonly parse: (text: string, file: string) => T,
    private readonly onTrouble: (error: FedloomError) => void,
  ) {
    const { text, state } = readSecretFile(file);
    this.#state = state;
    this.#value = parse(text, file);
  }

  /** As of now. */
  get value(): T {
    const found = statSync(this.file, { throwIfNoEntry: false });
    const state = found === undefined ? 'none' : `${found.mtimeMs} ${found.ino} ${found.size}`;
    if (state === this.#state) return this.#value;
    this.#state = state;
    try {
      this.#value = this.parse(readSecretFile(this.file).text, this.file);
    } catch (error) {
      if (!(error instanceof FedloomError)) throw error;
      this.onTrouble(error);
    }
    return this.#value;
  }

  /** Tells when the file has changed. It keeps no process alive. @returns ends it */
  watch(changed: () => void): () => void {
    // Not one watcher a connection: Node warns beyond ten.
    if (this.#watchers.size === 0) watchFile(this.file, { persistent: false, interval: LOOK_EVERY_MS }, this.#tell);
    const watcher = { changed };
    this.#watchers.add(watcher);
    return () => {
      if (this.#watchers.delete(watcher) && this.#watchers.size === 0) unwatchFile(this.file, this.#tell);
    };
  }
}
