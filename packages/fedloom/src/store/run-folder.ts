import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { FedloomError } from '@fedloom/engine';
import { type Losses, LossTally } from '../core/losses.js';
import { processor, versions } from '../core/node/machine.js';
import { makeFolders } from '../core/node/make-folders.js';
import { thisProcess } from '../core/node/process-identity.js';
import { sha256 } from '../core/node/sha256.js';
import { storageError } from '../core/node/storage-error.js';
import type { BestModel, ClientRecord, RoundRecord, RunResult } from '../core/records.js';
import { asSafetensors } from '../core/safetensors-views.js';
import { JsonLines } from './json-lines.js';
import { mendLines } from './mend-lines.js';
import type { BestFile, RunFile, RunOutcome } from './run-file.js';
import { writeWhole } from './write-whole.js';

/** The model is saved at most this often while the run goes on, */
const SAVE_PAUSE_MS = 1000;
/** and seldom enough that saving takes at most a twentieth of the time. */
const SAVE_SHARE = 20;

export const MODEL_FILE = 'model.safetensors';
/** The model of the best round, where it is kept. */
export const BEST_FILE = 'best.safetensors';
/** What the model computes, as ONNX whose parameters are inputs: with the model's own it predicts. */
export const INFERENCE_FILE = 'inference.onnx';

export type RunDescription = Pick<
  RunFile,
  'run' | 'task' | 'taskFile' | 'taskHash' | 'taskFiles' | 'arguments' | 'seed'
>;

/** Folders of runs that go on in this process. */
const open = new Set<RunFolder>();

/**
 * Records that the runs of this process failed, as far as it can, before the process ends for a reason outside of them.
 * @returns the folders of these runs that may be resumed
 */
export async function failOpenRuns(error: FedloomError): Promise<readonly string[]> {
  const folders = [...open];
  await Promise.allSettled(folders.map((folder) => folder.finish({ status: 'failed', error })));
  return folders.filter(({ replayOf }) => replayOf === undefined).map(({ path }) => path);
}

/** How a run ended; `result` is there also for a run that failed after it had begun. */
export interface RunEnd {
  readonly status: Exclude<RunFile['status'], 'running'>;
  readonly error?: FedloomError;
  readonly result?: RunResult;
}

/**
 * The folder of one run: `run.json`, `metrics.jsonl` (a line a round), `clients.jsonl` (a line an update),
 * `model.safetensors`, which is always a whole model, `best.safetensors`, where the best is kept, and `inference.onnx`, which says how it predicts. Whatever cannot be written fails the run at its next checkpoint.
 */
export class RunFolder {
  /** Absolute. */
  readonly path: string;
  readonly modelPath: string;
  #file: RunFile;
  readonly #tally: LossTally;
  #savedMs = 0;
  #pauseMs = 0;
  /** The last checkpoint, whether it was saved or not. */
  #latest: { readonly round: number; readonly encode: () => Uint8Array } | undefined;
  /** The best round so far; its model may not be saved yet. */
  #best: BestModel | undefined;
  #savedBest: BestModel | undefined;
  #writing: Promise<void> = Promise.resolve();
  #kept: Promise<void> = Promise.resolve();
  #keepFailure: FedloomError | undefined;
  #ending: { readonly done: Promise<void>; readonly error: FedloomError | undefined } | undefined;

  private constructor(
    path: string,
    file: RunFile,
    private readonly rounds: JsonLines,
    private readonly clients: JsonLines,
    /** What an earlier process left. */
    private readonly before?: RunFile,
  ) {
    this.path = path;
    this.modelPath = join(path, MODEL_FILE);
    this.#file = file;
    this.#tally = new LossTally(file.arguments.clientsPerRound);
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
      process: thisProcess(),
      startedAt: new Date().toISOString(),
      finishedAt: null,
      result: null,
      modelRound: null,
      modelHash: null,
    };
    try {
      await makeFolders(resolve(root));
      await mkdir(path);
      const rounds = await JsonLines.create(join(path, 'metrics.jsonl'));
      const clients = await JsonLines.create(join(path, 'clients.jsonl'));
      const folder = new RunFolder(path, file, rounds, clients);
      await folder.#writeFile();
      open.add(folder);
      return folder;
    } catch (error) {
      throw storageError(error, 'make the run folder', path);
    }
  }

  /**
   * Takes up the folder of a run that did not finish, which this process must hold by the lock of its journal.
   * @param records of rounds that are done, ascending: what `metrics.jsonl` holds from now on
   * @param rounds that were decided, those that are yet to be recorded among them
   * @throws FedloomError `store.*`
   */
  static async resume(
    path: string,
    before: RunFile,
    records: readonly RoundRecord[],
    rounds: number,
  ): Promise<RunFolder> {
    const { error: _error, ...kept } = before;
    const file: RunFile = {
      ...kept,
      status: 'running',
      processor: processor(),
      versions: versions(),
      process: thisProcess(),
      resumedAt: [...(before.resumedAt ?? []), new Date().toISOString()],
      finishedAt: null,
      result: null,
    };
    try {
      await mendLines(path, records, rounds);
      const lines = await JsonLines.create(join(path, 'metrics.jsonl'));
      const folder = new RunFolder(path, file, lines, await JsonLines.create(join(path, 'clients.jsonl')), before);
      for (const record of records) folder.#tally.add(record);
      await folder.#writeFile();
      open.add(folder);
      return folder;
    } catch (error) {
      throw storageError(error, 'take up the run in', path);
    }
  }

  /** Notes where the run's server listens, so that a process that takes it up can be found there. */
  async listensAt(urls: readonly string[]): Promise<void> {
    const [url] = urls;
    this.#file = { ...this.#file, ...(url !== undefined && { url }), ...(urls.length > 1 && { urls }) };
    await this.#writeFile();
  }

  /** Keeps what the run's models compute. What cannot be written shows at the next checkpoint, or at the end. */
  keepInference(onnx: Uint8Array): void {
    const path = join(this.path, INFERENCE_FILE);
    this.#kept = this.#inTurn(() => writeWhole(path, onnx)).catch((error: unknown) => {
      this.#keepFailure = storageError(error, 'write', path);
    });
  }

  /** Takes the best round's model: it is saved with the next model. */
  keepBest(best: BestModel): void {
    this.#best = best;
  }

  addRound(record: RoundRecord): void {
    if (this.ended) return;
    this.rounds.append(record);
    this.#tally.add(record);
  }

  /** Over the rounds that were added. */
  get losses(): Losses {
    return this.#tally.losses;
  }

  addClient(record: ClientRecord): void {
    if (!this.ended) this.clients.append(record);
  }

  /**
   * Saves the model if the last time is long enough ago, and says whether all went well so far.
   * @param round that made the model
   * @param encode gives the bytes; called only if they are needed, and perhaps later
   * @throws FedloomError `store.*`
   */
  async checkpoint(round: number, encode: () => Uint8Array): Promise<void> {
    if (this.ended) return;
    this.#latest = { round, encode };
    // Rounds do not wait for the disk; between two saves it is enough that nothing has failed.
    this.rounds.check();
    this.clients.check();
    this.#checkKept();
    const startedMs = performance.now();
    if (startedMs - this.#savedMs < this.#pauseMs) return;
    await this.rounds.flush();
    await this.clients.flush();
    // Whoever ends it meanwhile saves this model too.
    if (this.ended) return;
    await this.#saveModel(round, encode());
    await this.#saveBest();
    await this.#writeFile();
    this.#savedMs = performance.now();
    this.#pauseMs = Math.max(SAVE_PAUSE_MS, SAVE_SHARE * (this.#savedMs - startedMs));
  }

  /** Its end is written or being written: what the run comes to now is not recorded, nor to be told. */
  get ended(): boolean {
    return this.#ending !== undefined;
  }

  /** The run that this one follows. */
  get replayOf(): string | undefined {
    return this.#file.arguments.replayOf;
  }

  /** What `best.safetensors` is; undefined: there is none. */
  get best(): BestFile | undefined {
    return this.#file.best;
  }

  /** SHA-256 of the model that is saved; null: none is. */
  get savedHash(): string | null {
    return this.#file.modelHash;
  }

  /**
   * Writes the last model and how the run ended. Tries all of it, then throws the first failure. The first call counts:
   * whoever comes later hears how it ended then.
   */
  async finish(end: RunEnd): Promise<void> {
    if (this.#ending !== undefined) {
      await this.#ending.done;
      if (this.#ending.error !== undefined) throw this.#ending.error;
      return;
    }
    const done = this.#finish(end);
    this.#ending = { done, error: end.error };
    await done;
  }

  async #finish({ status, error, result }: RunEnd): Promise<void> {
    const failures: unknown[] = [];
    const attempt = (work: Promise<void>) => work.catch((failure: unknown) => failures.push(failure));
    await attempt(this.rounds.close());
    await attempt(this.clients.close());
    await attempt(this.#kept.then(() => this.#checkKept()));
    const latest = this.#latest;
    if (result !== undefined) await attempt(this.#saveModel(result.rounds - 1, result.modelBytes));
    else if (latest !== undefined) await attempt(this.#saveModel(latest.round, latest.encode()));
    this.#best = result?.best ?? this.#best;
    await attempt(this.#saveBest());
    const failure = error ?? (failures[0] as FedloomError | undefined);
    this.#file = {
      ...this.#file,
      status: failure === undefined ? status : 'failed',
      ...(failure && { error: { code: failure.code, message: failure.message } }),
      finishedAt: new Date().toISOString(),
      result: result === undefined ? null : { ...outcomeOf(result), losses: this.losses },
    };
    await attempt(this.#writeFile());
    open.delete(this);
    if (failures.length > 0) throw failures[0];
  }

  /** For a run that could not be started: takes the folder away again, or leaves it as it was found. */
  async discard(): Promise<void> {
    open.delete(this);
    await Promise.allSettled([this.rounds.close(), this.clients.close()]);
    if (this.before !== undefined) {
      this.#file = this.before;
      return this.#writeFile();
    }
    await rm(this.path, { recursive: true, force: true }).catch(() => {});
  }

  #checkKept(): void {
    if (this.#keepFailure !== undefined) throw this.#keepFailure;
  }

  async #saveModel(round: number, bytes: Uint8Array): Promise<void> {
    await this.#inTurn(() => writeWhole(this.modelPath, bytes)).catch((error: unknown) => {
      throw storageError(error, 'save the model to', this.modelPath);
    });
    this.#file = { ...this.#file, modelRound: round, modelHash: sha256(bytes) };
  }

  async #saveBest(): Promise<void> {
    const best = this.#best;
    if (best === undefined || best === this.#savedBest) return;
    const { round, metric, value, model } = best;
    const bytes = asSafetensors(model);
    const path = join(this.path, BEST_FILE);
    await this.#inTurn(() => writeWhole(path, bytes)).catch((error: unknown) => {
      throw storageError(error, 'save the best model to', path);
    });
    this.#savedBest = best;
    this.#file = { ...this.#file, best: { round, metric, value, modelHash: sha256(bytes) } };
  }

  async #writeFile(): Promise<void> {
    const path = join(this.path, 'run.json');
    await this.#inTurn(() => writeWhole(path, `${JSON.stringify(this.#file, null, 2)}\n`)).catch((error: unknown) => {
      throw storageError(error, 'write', path);
    });
  }

  /** One write at a time: the end may come in the midst of a checkpoint, and both write by the same temporary names. */
  #inTurn(write: () => Promise<void>): Promise<void> {
    const done = this.#writing.then(write);
    this.#writing = done.catch(() => {});
    return done;
  }
}

function outcomeOf({ rounds, metrics, clientMetrics, modelHash, stopped }: RunResult): RunOutcome {
  return { rounds, metrics, clientMetrics, modelHash, ...(stopped && { stopped }) };
}
