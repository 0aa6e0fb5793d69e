import { availableParallelism } from 'node:os';
import { SHARE_ENV } from 'node:worker_threads';
import { FedloomError } from '@fedloom/engine/base';
import { Piscina } from 'piscina';
import { BATCH_MAX, BATCH_MS, JobTimes } from './job-times.js';
import {
  type EvaluateReply,
  type FailureReply,
  type PlanJob,
  type PlanMessage,
  type Reply,
  sampleCountOf,
  type TrainReply,
} from './plan-task.js';

/**
 * Jobs that are long enough to come alone: one at work and one at hand, so that a thread goes on at once while the main
 * thread looks at what it did. Batches come one at a time, since smaller ones at hand cost more messages than they save.
 */
const LONG_JOBS_PER_THREAD = 2;

/** Those with threads. */
const open = new Set<BatchingPool>();

/** For who is about to end the process: with a thread inside ONNX Runtime, that aborts it. */
export async function closeAllPools(): Promise<void> {
  await Promise.all([...open].map((pool) => pool.close()));
}

/** Asks a thread only whether it is there. */
const NOTHING: PlanMessage = { plan: new Uint8Array(), planHash: '', jobs: [], warm: false };

interface Waiting {
  readonly job: PlanJob;
  readonly resolve: (reply: TrainReply | EvaluateReply) => void;
  readonly reject: (error: unknown) => void;
}

interface Thread {
  /** Of this one thread. */
  readonly pool: Piscina;
  /** Settles when it has loaded its code, or could not. */
  readonly ready: Promise<void>;
  /** Settles when it has loaded the plan. */
  loading?: Promise<void>;
  /** It has: jobs may come. */
  there: boolean;
  /** Batches at work or at hand. */
  busy: number;
}

/**
 * Hands jobs to worker threads, several small ones at a time. Jobs that come in one turn of the event loop are dealt
 * evenly; what a job computes does not depend on its company.
 */
export class BatchingPool {
  readonly #workers: number;
  readonly #threads: Thread[] = [];
  readonly #running = new Set<Promise<unknown>>();
  #waiting: Waiting[] = [];
  /** No thread is sent a job any more, whoever comes. */
  #closing = false;
  #closed: Promise<void> | undefined;
  #pumping = false;
  #times: Readonly<Record<PlanJob['kind'], JobTimes>> = { train: new JobTimes(0), evaluate: new JobTimes(0) };
  #plan: { readonly plan: Uint8Array; readonly planHash: string; readonly warm: boolean } | undefined;

  /**
   * @param atOnce how many threads start at a time; each takes a core, and so does the caller. Default: one core fewer than
   *   there are
   */
  constructor(workers: number, atOnce = Math.max(1, availableParallelism() - 1)) {
    this.#workers = workers;
    for (let i = 0; i < atOnce; i += 1) this.#start();
    open.add(this);
  }

  /** Starts a thread, and the next when it is there. */
  #start(): void {
    if (this.#closing || this.#threads.length === this.#workers) return;
    const pool = new Piscina({
      filename: new URL('./plan-worker.js', import.meta.url).href,
      minThreads: 1,
      maxThreads: 1,
      concurrentTasksPerWorker: LONG_JOBS_PER_THREAD,
      recordTiming: false,
      // What the backend sets in the environment must reach ONNX Runtime, which sees that of the process only.
      env: SHARE_ENV,
    });
    const ready = pool.run(NOTHING) as Promise<void>;
    const thread: Thread = { pool, ready, there: false, busy: 0 };
    this.#threads.push(thread);
    ready.then(() => this.#closing || this.#track(pool.run({ ...NOTHING, warm: true }))).catch(() => {});
    ready.then(() => this.#plan && this.#loadOn(thread)).catch(() => {});
    ready.then(() => this.#start()).catch(() => {});
  }

  /** How many jobs are worth having at hand, so that no thread waits for the next. */
  get appetite(): number {
    const { train, evaluate } = this.#times;
    if (!train.someCame && !evaluate.someCame) return this.#workers * BATCH_MAX;
    const ofThread = (kind: PlanJob['kind']) => this.#batchesPerThread(kind) * this.#times[kind].batchSize;
    return this.#workers * Math.max(ofThread('train'), ofThread('evaluate')) + 1;
  }

  /**
   * Loads a plan on every thread, and waits for the first: jobs go to those that have it.
   * @param plan its bytes, in shared memory
   * @param expectedMs what a job may take for each of its samples, until some were measured
   * @param warm load the graph that trains ahead of its jobs
   */
  async load(
    plan: Uint8Array,
    planHash: string,
    expectedMs: Readonly<Record<PlanJob['kind'], number>>,
    warm: boolean,
  ): Promise<void> {
    this.#plan = { plan, planHash, warm };
    this.#times = { train: new JobTimes(expectedMs.train), evaluate: new JobTimes(expectedMs.evaluate) };
    const loaded = this.#threads.map((thread) => thread.ready.then(() => this.#loadOn(thread)));
    for (const one of loaded) one.catch(() => {});
    await loaded[0];
  }

  #loadOn(thread: Thread): Promise<void> {
    if (this.#closing) return Promise.reject(closed());
    thread.loading ??= this.#send(thread, [], this.#plan?.warm).then(({ replies: [reply] }) => {
      if (reply !== undefined && 'failure' in reply) throw failureOf(reply);
      thread.there = true;
      this.#pump();
    });
    return thread.loading;
  }

  run(job: PlanJob & { readonly kind: 'train' }): Promise<TrainReply>;
  run(job: PlanJob & { readonly kind: 'evaluate' }): Promise<EvaluateReply>;
  run(job: PlanJob): Promise<TrainReply | EvaluateReply> {
    if (this.#closing) return Promise.reject(closed());
    this.#times[job.kind].came(sampleCountOf(job.examples));
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
    this.#closing = true;
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    for (const { reject } of this.#waiting) reject(closed());
    this.#waiting = [];
    await Promise.allSettled(this.#threads.map(({ ready }) => ready));
    await Promise.allSettled(this.#running);
    await Promise.all(this.#threads.map(({ pool }) => pool.destroy()));
    open.delete(this);
  }

  #batchesPerThread(kind: PlanJob['kind']): number {
    return this.#times[kind].batchSize > 1 ? 1 : LONG_JOBS_PER_THREAD;
  }

  #pump(): void {
    while (this.#waiting.length > 0) {
      const { kind } = (this.#waiting[0] as Waiting).job;
      const most = this.#batchesPerThread(kind);
      const free = this.#threads.filter(({ there, busy }) => there && busy < most);
      const [idlest] = free.sort((a, b) => a.busy - b.busy);
      if (idlest === undefined) return;
      const places = free.reduce((sum, { busy }) => sum + most - busy, 0);
      const share = Math.ceil(this.#waiting.length / places);
      const batch = this.#waiting.splice(0, this.#batchLength(kind, Math.min(share, BATCH_MAX)));
      void this.#work(idlest, batch, kind);
    }
  }

  /** How many of those that wait make the next batch: of one kind, at least one, no longer together than a batch should be. */
  #batchLength(kind: PlanJob['kind'], most: number): number {
    let ms = 0;
    let length = 0;
    for (const { job } of this.#waiting) {
      ms += this.#times[job.kind].expectedMs(sampleCountOf(job.examples));
      if (length === most || job.kind !== kind || (length > 0 && ms > BATCH_MS)) break;
      length += 1;
    }
    return length;
  }

  async #work(thread: Thread, batch: readonly Waiting[], kind: PlanJob['kind']): Promise<void> {
    thread.busy += 1;
    try {
      const { replies, ms } = await this.#send(
        thread,
        batch.map(({ job }) => job),
      );
      const samples = batch.reduce((sum, { job }) => sum + sampleCountOf(job.examples), 0);
      this.#times[kind].took(ms, samples);
      for (const [at, { resolve, reject }] of batch.entries()) settle(replies[at], resolve, reject);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      thread.busy -= 1;
      this.#pump();
    }
  }

  async #send(
    thread: Thread,
    jobs: readonly PlanJob[],
    warm = false,
  ): Promise<{ readonly replies: readonly Reply[]; readonly ms: number }> {
    if (this.#plan === undefined) throw new Error('BatchingPool.load was not called');
    const { plan, planHash } = this.#plan;
    const message: PlanMessage = { plan, planHash, jobs, warm };
    return this.#track(thread.pool.run(message) as Promise<{ replies: Reply[]; ms: number }>);
  }

  /** Closing waits for it. */
  async #track<T>(running: Promise<T>): Promise<T> {
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
  if ('failure' in reply) reject(failureOf(reply));
  else resolve(reply);
}

function failureOf({ failure: { code, message, fields } }: FailureReply): FedloomError {
  return new FedloomError(code, message, fields);
}

function closed(): FedloomError {
  return new FedloomError('client.cancelled', 'The executor was closed.');
}
