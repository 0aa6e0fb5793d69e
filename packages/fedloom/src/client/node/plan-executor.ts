import { FedloomError, type PlanManifest, type TrainingPlan } from '@fedloom/engine';
import { Piscina } from 'piscina';
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
import {
  type EvaluateReply,
  type EvaluateTask,
  type FailureReply,
  type PlanTask,
  sampleCountOf,
  type TrainReply,
} from './plan-task.js';

/** Samples one thread evaluates at a time: fixed, so that the order of float sums does not depend on the threads. */
const EVALUATION_SLICE = 2000;

/**
 * Trains plans on worker threads: one single-thread ONNX Runtime session a thread, clients spread over the threads.
 * A thread is never ended inside a call, since that aborts the process: `close` waits for the bounded calls to return.
 */
export class PlanExecutor implements ClientExecutor {
  readonly concurrency: number;
  readonly #pool: Piscina;
  readonly #source: ClientDataSource;
  readonly #running = new Set<Promise<unknown>>();
  readonly #cancels = new Set<Int32Array>();
  #plan: { readonly bytes: Uint8Array; readonly hash: string } | undefined;
  #metrics: PlanManifest['metrics'] = [];
  #loaded: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: { readonly workers: number; readonly source: ClientDataSource }) {
    this.#source = options.source;
    // One job more than threads, so that a thread never waits for the main thread to hand it the next.
    this.concurrency = options.workers + 1;
    this.#pool = new Piscina({
      filename: new URL('./plan-worker.js', import.meta.url).href,
      minThreads: options.workers,
      maxThreads: options.workers,
    });
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
    if (this.#plan?.hash !== hash) this.#loaded = this.#load(plan, hash);
    return this.#loaded;
  }

  async #load(plan: TrainingPlan, hash: string): Promise<void> {
    this.#plan = { bytes: sharedBytes(plan.bytes), hash };
    this.#metrics = plan.manifest.metrics;
    // As many tasks as threads: each takes one.
    await Promise.all(this.#pool.threads.map(() => this.#run({ kind: 'prepare', ...this.#onPlan() })));
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
      this.#run<TrainReply>({
        kind: 'train',
        ...this.#onPlan(),
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
          this.#run<EvaluateReply>({
            kind: 'evaluate',
            ...this.#onPlan(),
            modelHash: model.hash,
            model: model.bytes,
            examples: slice,
            cancel,
          } satisfies EvaluateTask),
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
    await Promise.allSettled(this.#running);
    await this.#pool.destroy();
  }

  #onPlan() {
    const plan = this.#plan;
    if (plan === undefined) throw new Error('PlanExecutor.prepare was not called');
    return { plan: plan.bytes, planHash: plan.hash };
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

  async #run<T>(task: PlanTask): Promise<T> {
    const running = this.#pool.run(task) as Promise<T | FailureReply>;
    this.#running.add(running);
    try {
      const reply = await running;
      if (typeof reply === 'object' && reply !== null && 'failure' in reply) {
        const { code, message: text, fields } = reply.failure;
        throw new FedloomError(code, text, fields);
      }
      return reply as T;
    } finally {
      this.#running.delete(running);
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
