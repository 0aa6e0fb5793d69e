import { FedloomError, type PlanManifest, type TrainingPlan } from '@fedloom/engine';
import type { Results } from '../../core/records.js';
import type { ClientExamples } from '../../data/dataset.js';
import { sharedBytes } from '../../data/shared-tensor.js';
import type { ClientDataSource } from '../data-source.js';
import type {
  ClientExecutor,
  ClientWorkload,
  EvaluateJob,
  EvaluateOutcome,
  FederationInfo,
  ModelSnapshot,
  TrainJob,
  TrainOutcome,
} from '../executor.js';
import { BatchingPool } from './batching-pool.js';
import { sampleCountOf } from './plan-task.js';

/** Samples one thread evaluates at a time: fixed, so that the order of float sums does not depend on the threads. */
const EVALUATION_SLICE = 2000;

/**
 * Trains plans on worker threads: one single-thread ONNX Runtime session a thread, clients spread over the threads.
 * A thread is never ended inside a call, since that aborts the process: `close` waits for the bounded calls to return.
 */
export class PlanExecutor implements ClientExecutor {
  readonly #pool: BatchingPool;
  readonly #source: ClientDataSource;
  readonly #cancels = new Set<Int32Array>();
  #planHash = '';
  #metrics: PlanManifest['metrics'] = [];
  #loaded: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: { readonly workers: number; readonly source: ClientDataSource }) {
    this.#source = options.source;
    this.#pool = new BatchingPool(options.workers);
  }

  get concurrency(): number {
    return this.#pool.appetite;
  }

  async prepare(workload: ClientWorkload, federation: FederationInfo): Promise<void> {
    if (workload.kind !== 'plan') {
      throw new FedloomError(
        'client.needs-task',
        `The server's task '${workload.task}' uses trainer objects: start this client with the task file.`,
        { task: workload.task },
      );
    }
    await this.#source.open(workload.plan.manifest, federation);
    await this.load(workload.plan, workload.hash);
  }

  /** Loads a plan on every thread, so that no round waits for it; once is enough. */
  load(plan: TrainingPlan, hash: string): Promise<void> {
    if (this.#planHash !== hash) {
      this.#planHash = hash;
      this.#metrics = plan.manifest.metrics;
      this.#loaded = this.#pool.load(sharedBytes(plan.bytes), hash);
    }
    return this.#loaded;
  }

  async train(job: TrainJob): Promise<TrainOutcome> {
    const examples = await this.#source.train(job.client);
    const sampleCount = sampleCountOf(examples);
    if (sampleCount === 0) {
      throw new FedloomError('client.no-samples', `Client ${job.client} holds no training samples.`, {
        client: job.client,
      });
    }
    const { client, round, seed, scalars } = job;
    return this.#cancellable(job.signal, (cancel) =>
      this.#pool.run({
        kind: 'train',
        client,
        round,
        seed,
        scalars,
        modelHash: job.model.hash,
        model: job.model.bytes,
        ...(job.state && { state: job.state }),
        examples,
        cancel,
      }),
    );
  }

  async evaluate(job: EvaluateJob): Promise<EvaluateOutcome> {
    const examples = await this.#source.test(job.client);
    if (examples === undefined || sampleCountOf(examples) === 0) return null;
    return this.evaluateExamples(job.model, examples, job.signal);
  }

  /** Means of the plan's metrics over `examples`, its slices spread over the threads. */
  async evaluateExamples(
    model: ModelSnapshot,
    examples: ClientExamples,
    signal: AbortSignal,
  ): Promise<{ results: Results; sampleCount: number }> {
    const replies = await this.#cancellable(signal, (cancel) =>
      Promise.all(
        slices(examples).map((slice) =>
          this.#pool.run({
            kind: 'evaluate',
            modelHash: model.hash,
            model: model.bytes,
            examples: slice,
            cancel,
          }),
        ),
      ),
    );
    const sampleCount = replies.reduce((sum, reply) => sum + reply.sampleCount, 0);
    const names = this.#metrics.map((metric) => metric.name);
    const results = names.map((name) => {
      const sum = replies.reduce((total, reply) => total + (reply.sums[name] ?? Number.NaN), 0);
      return [name, sum / sampleCount] as const;
    });
    return { results: Object.fromEntries(results), sampleCount };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const cancel of this.#cancels) Atomics.store(cancel, 0, 1);
    await this.#pool.close();
  }

  async #cancellable<T>(signal: AbortSignal, run: (cancel: Int32Array) => Promise<T>): Promise<T> {
    const cancel = new Int32Array(new SharedArrayBuffer(4));
    const abort = () => Atomics.store(cancel, 0, 1);
    if (signal.aborted || this.#closed) {
      throw new FedloomError('client.cancelled', 'The work was cancelled before it started.');
    }
    signal.addEventListener('abort', abort, { once: true });
    this.#cancels.add(cancel);
    try {
      return await run(cancel);
    } finally {
      signal.removeEventListener('abort', abort);
      this.#cancels.delete(cancel);
    }
  }
}

function slices(examples: ClientExamples): ClientExamples[] {
  const count = sampleCountOf(examples);
  if (count <= EVALUATION_SLICE) return [examples];
  const all = examples.rows ?? Int32Array.from({ length: count }, (_, row) => row);
  return Array.from({ length: Math.ceil(count / EVALUATION_SLICE) }, (_, slice) => ({
    x: examples.x,
    y: examples.y,
    rows: all.slice(slice * EVALUATION_SLICE, (slice + 1) * EVALUATION_SLICE),
  }));
}
