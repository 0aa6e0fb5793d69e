import { FedloomError } from '@fedloom/engine/base';
import { Piscina } from 'piscina';
import type { EvaluateReply, PlanJob, PlanMessage, Reply, TrainReply } from './plan-task.js';

/** A thread gets as many jobs at once as it takes about this long to do: each message to it and from it costs up to 0.5 ms. */
const BATCH_MS = 10;
const BATCH_MAX = 64;
/**
 * Jobs that are long enough to come alone: one at work and one at hand, so that a thread goes on at once while the main
 * thread looks at what it did. Batches come one at a time, since smaller ones at hand cost more messages than they save.
 */
const LONG_JOBS_PER_THREAD = 2;
/** Weight of the newest batch in the running mean of a job's time. */
const SMOOTHING = 0.5;

/** Asks a thread only whether it is there. */
const NOTHING: PlanMessage = { plan: new Uint8Array(), planHash: '', jobs: [] };

interface Waiting {
  readonly job: PlanJob;
  readonly resolve: (reply: TrainReply | EvaluateReply) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Hands jobs to worker threads, several small ones at a time. Jobs that come in one turn of the event loop are dealt
 * evenly; what a job computes does not depend on its company.
 */
export class BatchingPool {
  readonly #pool: Piscina;
  readonly #workers: number;
  readonly #running = new Set<Promise<unknown>>();
  /** Settles when every thread has loaded its code, or one could not. */
  readonly #ready: Promise<void>;
  #waiting: Waiting[] = [];
  #closed: Promise<void> | undefined;
  #busy = 0;
  #pumping = false;
  /** Running mean of a job's time by kind; undefined until the first came back. */
  readonly #jobMs = new Map<PlanJob['kind'], number>();
  #plan: { readonly plan: Uint8Array; readonly planHash: string } | undefined;

  constructor(workers: number) {
    this.#workers = workers;
    this.#pool = new Piscina({
      filename: new URL('./plan-worker.js', import.meta.url).href,
      minThreads: workers,
      maxThreads: workers,
      concurrentTasksPerWorker: LONG_JOBS_PER_THREAD,
      recordTiming: false,
    });
    // One message a thread, since each goes to the one with the least to do; it is answered once the code is loaded.
    this.#ready = Promise.all(Array.from({ length: workers }, () => this.#pool.run(NOTHING))).then(() => {});
    this.#ready.catch(() => {});
  }

  /** How many jobs are worth having at hand, so that no thread waits for the next. */
  get appetite(): number {
    const ofThread = (kind: PlanJob['kind']) => this.#batchesPerThread(kind) * this.#batchSize(kind);
    return this.#workers * Math.max(ofThread('train'), ofThread('evaluate')) + 1;
  }

  /** Loads a plan on every thread. @param plan its bytes, in shared memory @param warm load the graph that trains ahead of its jobs */
  async load(plan: Uint8Array, planHash: string, warm?: PlanMessage['warm']): Promise<void> {
    this.#plan = { plan, planHash };
    // As many messages as threads: each takes one.
    await Promise.all(Array.from({ length: this.#workers }, () => this.#send([], warm)));
  }

  run(job: PlanJob & { readonly kind: 'train' }): Promise<TrainReply>;
  run(job: PlanJob & { readonly kind: 'evaluate' }): Promise<EvaluateReply>;
  run(job: PlanJob): Promise<TrainReply | EvaluateReply> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ job, resolve, reject });
      if (this.#pumping) return;
      this.#pumping = true;
      setImmediate(() => {
        this.#pumping = false;
        this.#pump();
      });
    });
  }

  /**
   * Waits for what runs, then ends the threads. One that is ended inside a call of ONNX Runtime, or while it loads it,
   * aborts the process. More calls wait for the first.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    for (const { reject } of this.#waiting) reject(new FedloomError('client.cancelled', 'The executor was closed.'));
    this.#waiting = [];
    await Promise.allSettled([this.#ready, ...this.#running]);
    await this.#pool.destroy();
  }

  #batchSize(kind: PlanJob['kind']): number {
    const jobMs = this.#jobMs.get(kind);
    return jobMs === undefined ? 1 : Math.max(1, Math.min(BATCH_MAX, Math.floor(BATCH_MS / jobMs)));
  }

  #batchesPerThread(kind: PlanJob['kind']): number {
    return this.#batchSize(kind) > 1 ? 1 : LONG_JOBS_PER_THREAD;
  }

  #pump(): void {
    while (this.#waiting.length > 0) {
      const { kind } = (this.#waiting[0] as Waiting).job;
      const places = this.#workers * this.#batchesPerThread(kind);
      if (this.#busy >= places) return;
      const share = Math.ceil(this.#waiting.length / (places - this.#busy));
      const batch = this.#waiting.splice(0, Math.min(share, this.#batchSize(kind)));
      this.#busy += 1;
      void this.#work(batch, kind);
    }
  }

  async #work(batch: readonly Waiting[], kind: PlanJob['kind']): Promise<void> {
    try {
      const { replies, ms } = await this.#send(batch.map(({ job }) => job));
      const jobMs = ms / batch.length;
      const mean = this.#jobMs.get(kind) ?? jobMs;
      this.#jobMs.set(kind, mean + SMOOTHING * (jobMs - mean));
      for (const [at, { resolve, reject }] of batch.entries()) settle(replies[at], resolve, reject);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      this.#busy -= 1;
      this.#pump();
    }
  }

  async #send(
    jobs: readonly PlanJob[],
    warm?: PlanMessage['warm'],
  ): Promise<{ readonly replies: readonly Reply[]; readonly ms: number }> {
    if (this.#plan === undefined) throw new Error('BatchingPool.load was not called');
    const message: PlanMessage = { ...this.#plan, jobs, ...(warm && { warm }) };
    const running = this.#pool.run(message) as Promise<{ replies: Reply[]; ms: number }>;
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }
}

function settle(reply: Reply | undefined, resolve: Waiting['resolve'], reject: Waiting['reject']): void {
  if (reply === undefined) return reject(new Error('a worker thread gave no reply'));
  if (!('failure' in reply)) return resolve(reply);
  const { code, message, fields } = reply.failure;
  reject(new FedloomError(code, message, fields));
}
