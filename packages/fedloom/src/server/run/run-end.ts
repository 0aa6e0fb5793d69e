import { FedloomError } from '@fedloom/engine';
import type { HashFunction } from '../../core/hash.js';
import type { BestModel, RoundRecord, RunResult } from '../../core/records.js';
import { asSafetensors } from '../../core/safetensors-views.js';
import { wireLimits } from '../../protocol/limits.js';
import type { Finish } from '../../protocol/messages.js';
import type { Reason } from '../schedule/types.js';
import type { Persistence } from './persistence.js';
import { reasonOf } from './reason-of.js';
import type { ModelVersion, Versions } from './versions.js';

export interface RunEndOptions {
  readonly run: string;
  readonly hash: HashFunction;
  readonly versions: Pick<Versions, 'newest' | 'wholeModel'>;
  readonly persistence: Pick<Persistence, 'finished'>;
  /** Tells the clients, and settles when they are gone. */
  readonly farewell: (finish: Finish) => Promise<void>;
  /** Rounds that earlier processes finished. */
  readonly rounds: number;
  /** The record of the last of these that was evaluated. */
  readonly lastEvaluated?: RoundRecord | undefined;
  /** Why it ends before its last round. Default: it does not. */
  readonly stopped?: () => RunResult['stopped'];
  /** Default: none is kept. */
  readonly best?: () => BestModel | undefined;
}

/** The coordinator's word on the end. */
export interface Ending extends Reason {
  readonly reason: Finish['reason'];
}

/** What has come of a run, and its end: told to the disk, to its clients, and to whoever awaits the result, in this order. */
export class RunEnd {
  /** Settles when the run is over; rejects when it failed. */
  readonly result: Promise<RunResult>;
  readonly #options: RunEndOptions;
  /** After the last finished round. */
  #version: ModelVersion;
  #last: RoundRecord | undefined;
  #rounds: number;
  #isOver = false;
  #cause: unknown;
  #resolve: (result: RunResult) => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(options: RunEndOptions) {
    this.#options = options;
    this.#version = options.versions.newest;
    this.#last = options.lastEvaluated;
    this.#rounds = options.rounds;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever wants the failure awaits `result`; nobody has to.
    this.result.catch(() => {});
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** @param evaluated its record, where it was evaluated */
  roundFinished(version: ModelVersion, evaluated: RoundRecord | undefined): void {
    this.#version = version;
    this.#rounds += 1;
    if (evaluated !== undefined) this.#last = evaluated;
  }

  /** Why the run is about to fail: the cause of its error. */
  failing(cause: unknown): void {
    this.#cause = cause;
  }

  /** The end, once: whoever comes later is not heard. */
  finish(ending: Ending, cause = this.#cause): void {
    if (this.#isOver) return;
    this.#isOver = true;
    // Something failed within the very step that completed the run: its failure counts.
    const failed = ending.reason === 'completed' && cause !== undefined;
    const { reason, code, message } = failed ? { reason: 'failed' as const, ...reasonOf(cause) } : ending;
    const result = this.#report(reason === 'completed' ? 'completed' : 'cancelled');
    this.#tell(reason, message, result).then(
      () => {
        if (reason !== 'failed') this.#resolve(result);
        else this.#reject(FedloomError.from({ code, message, fields: fieldsOf(code, cause, result) }, { cause }));
      },
      (error: unknown) => this.#reject(withResult(error, result)),
    );
  }

  /** Who is told that a run is complete can rely on it: the disk is first. */
  async #tell(reason: Finish['reason'], message: string, result: RunResult): Promise<void> {
    const { persistence, farewell } = this.#options;
    try {
      if (reason === 'completed') await persistence.finished(result.rounds, result.modelHash);
    } catch (error) {
      await farewell(finishOf('failed', reasonOf(error).message));
      throw error;
    }
    await farewell(finishOf(reason, message));
  }

  #report(status: RunResult['status']): RunResult {
    const { run, hash, versions } = this.#options;
    const best = this.#options.best?.();
    const stopped = status === 'completed' ? this.#options.stopped?.() : undefined;
    const model = versions.wholeModel(this.#version);
    const modelBytes = asSafetensors(model);
    return {
      status,
      run,
      rounds: this.#rounds,
      metrics: this.#last?.metrics ?? {},
      clientMetrics: this.#last?.clientMetrics ?? {},
      model,
      modelBytes,
      modelHash: hash(modelBytes),
      ...(stopped && { stopped }),
      ...(best && { best }),
    };
  }
}

function finishOf(reason: Finish['reason'], message: string): Finish {
  return { type: 'finish', reason, message: message.slice(0, wireLimits.textLengthMax) };
}

/** What the run came to, told with the reason why it failed at the very end. */
function withResult(error: unknown, result: RunResult): unknown {
  if (!(error instanceof FedloomError)) return error;
  const { code, message, fields } = error;
  return FedloomError.from({ code, message, fields: unseen(fields, result) }, { cause: error });
}

/** The fields of the error that is the cause, and the result so far. */
function fieldsOf(code: string, cause: unknown, result: RunResult): FedloomError['fields'] {
  return unseen(cause instanceof FedloomError && cause.code === code ? cause.fields : {}, result);
}

/** Fields of an error with the result so far as one that consoles do not print: it holds the whole model. */
function unseen(fields: FedloomError['fields'], result: RunResult): FedloomError['fields'] {
  return Object.defineProperty({ ...fields }, 'result', { value: result, enumerable: false });
}
