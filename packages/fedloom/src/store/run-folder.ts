import { mkdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import type { FedloomError } from '@fedloom/engine';
import { makeFolders } from '../core/node/make-folders.js';
import { storageError } from '../core/node/storage-error.js';
import type { ClientRecord, RoundRecord, RunResult } from '../core/records.js';
import { JsonLines } from './json-lines.js';
import { processor, versions } from './machine.js';
import type { RunFile } from './run-file.js';
import { writeWhole } from './write-whole.js';

/** The model is saved at most this often while the run goes on, */
const SAVE_PAUSE_MS = 1000;
/** and seldom enough that saving takes at most a twentieth of the time. */
const SAVE_SHARE = 20;

export type RunDescription = Pick<RunFile, 'run' | 'task' | 'taskFile' | 'arguments' | 'seed'>;

/** How a run ended; `result` is there also for a run that failed after it had begun. */
export interface RunEnd {
  readonly status: Exclude<RunFile['status'], 'running'>;
  readonly error?: FedloomError;
  readonly result?: RunResult;
}

/**
 * The folder of one run: `run.json`, `metrics.jsonl` (a line a round), `clients.jsonl` (a line an update) and
 * `model.safetensors`, which is always a whole model. Whatever cannot be written fails the run at its next checkpoint.
 */
export class RunFolder {
  /** Absolute. */
  readonly path: string;
  readonly modelPath: string;
  #file: RunFile;
  #savedMs = 0;
  #pauseMs = 0;

  private constructor(
    path: string,
    file: RunFile,
    private readonly rounds: JsonLines,
    private readonly clients: JsonLines,
  ) {
    this.path = path;
    this.modelPath = join(path, 'model.safetensors');
    this.#file = file;
  }

  /**
   * Makes the folder `root`/`run`.
   * @throws FedloomError `store.not-writable`, `store.full`
   */
  static async create(root: string, description: RunDescription): Promise<RunFolder> {
    const path = resolve(root, description.run);
    const file: RunFile = {
      format: 1,
      status: 'running',
      ...description,
      versions: versions(),
      processor: processor(),
      process: { pid: process.pid, host: hostname() },
      startedAt: new Date().toISOString(),
      finishedAt: null,
      result: null,
    };
    try {
      await makeFolders(resolve(root));
      await mkdir(path);
      const rounds = await JsonLines.create(join(path, 'metrics.jsonl'));
      const clients = await JsonLines.create(join(path, 'clients.jsonl'));
      const folder = new RunFolder(path, file, rounds, clients);
      await folder.#writeFile();
      return folder;
    } catch (error) {
      throw storageError(error, 'make the run folder', path);
    }
  }

  addRound(record: RoundRecord): void {
    this.rounds.append(record);
  }

  addClient(record: ClientRecord): void {
    this.clients.append(record);
  }

  /**
   * Saves the model if the last time is long enough ago, and says whether all went well so far.
   * @param encode gives the bytes; called only if they are needed
   * @throws FedloomError `store.*`
   */
  async checkpoint(encode: () => Uint8Array): Promise<void> {
    // Rounds do not wait for the disk; between two saves it is enough that nothing has failed.
    this.rounds.check();
    this.clients.check();
    const startedMs = performance.now();
    if (startedMs - this.#savedMs < this.#pauseMs) return;
    await this.rounds.flush();
    await this.clients.flush();
    await this.#saveModel(encode());
    this.#savedMs = performance.now();
    this.#pauseMs = Math.max(SAVE_PAUSE_MS, SAVE_SHARE * (this.#savedMs - startedMs));
  }

  /** Writes the last model and how the run ended. Tries all of it, then throws the first failure. */
  async finish({ status, error, result }: RunEnd): Promise<void> {
    const failures: unknown[] = [];
    const attempt = (work: Promise<void>) => work.catch((failure: unknown) => failures.push(failure));
    await attempt(this.rounds.close());
    await attempt(this.clients.close());
    if (result !== undefined) await attempt(this.#saveModel(result.modelBytes));
    const failure = error ?? (failures[0] as FedloomError | undefined);
    this.#file = {
      ...this.#file,
      status: failure === undefined ? status : 'failed',
      ...(failure && { error: { code: failure.code, message: failure.message } }),
      finishedAt: new Date().toISOString(),
      result: result === undefined ? null : outcomeOf(result),
    };
    await attempt(this.#writeFile());
    if (failures.length > 0) throw failures[0];
  }

  /** Takes the folder away again: for a run that could not be started. */
  async discard(): Promise<void> {
    await Promise.allSettled([this.rounds.close(), this.clients.close()]);
    await rm(this.path, { recursive: true, force: true }).catch(() => {});
  }

  async #saveModel(bytes: Uint8Array): Promise<void> {
    await writeWhole(this.modelPath, bytes).catch((error: unknown) => {
      throw storageError(error, 'save the model to', this.modelPath);
    });
  }

  async #writeFile(): Promise<void> {
    const path = join(this.path, 'run.json');
    await writeWhole(path, `${JSON.stringify(this.#file, null, 2)}\n`).catch((error: unknown) => {
      throw storageError(error, 'write', path);
    });
  }
}

function outcomeOf({ rounds, metrics, clientMetrics, modelHash }: RunResult): RunFile['result'] {
  return { rounds, metrics, clientMetrics, modelHash };
}
