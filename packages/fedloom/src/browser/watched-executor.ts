import type {
  ClientEvaluation,
  ClientExecutor,
  ClientWorkload,
  EvaluateJob,
  FederationInfo,
  ModelSnapshot,
  TrainJob,
  TrainOutcome,
} from '../compute/executor.js';

/** Who is told what clients work on. */
export interface WorkWatcher {
  prepared(workload: ClientWorkload): void;
  /** The newest there is; models may be told again. */
  model(model: ModelSnapshot): void;
}

/** An executor, and somebody who is told what it is given. */
export class WatchedExecutor implements ClientExecutor {
  readonly #executor: ClientExecutor;
  readonly #watcher: WorkWatcher;

  constructor(executor: ClientExecutor, watcher: WorkWatcher) {
    this.#executor = executor;
    this.#watcher = watcher;
  }

  get concurrency(): number {
    return this.#executor.concurrency;
  }

  get evaluationGroup(): number {
    return this.#executor.evaluationGroup;
  }

  async prepare(workload: ClientWorkload, federation: FederationInfo): Promise<void> {
    await this.#executor.prepare(workload, federation);
    this.#watcher.prepared(workload);
  }

  train(job: TrainJob): Promise<TrainOutcome> {
    this.#watcher.model(job.model);
    return this.#executor.train(job);
  }

  evaluate(job: EvaluateJob): Promise<readonly ClientEvaluation[]> {
    this.#watcher.model(job.model);
    return this.#executor.evaluate(job);
  }

  close(): Promise<void> {
    return this.#executor.close();
  }
}
