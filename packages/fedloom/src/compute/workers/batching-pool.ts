import { FedloomError } from '@fedloom/engine/base';
import { soon } from '../../core/soon.js';
import type { CancelSignal } from '../cancel-signal.js';
import {
  type EvaluateReply,
  type JobPool,
  type PoolEvaluateJob,
  type PoolPlan,
  type PoolTrainJob,
  sampleCountOf,
  type TrainReply,
} from '../job-pool.js';
import { BATCH_MAX, BATCH_MS, JobTimes } from './job-times.js';
import { Marks } from './marks.js';
import type { FailureReply, PoolWorker, Reply, WorkJob, WorkMessage, WorkReply } from './pool-worker.js';

/**
 * Jobs that are long enough to come alone: one at work and one at hand, so that a worker goes on at once while the main
 * thread looks at what it did. Batches come one at a time, since smaller ones at hand cost more messages than they save.
 */
export const BATCHES_PER_WORKER_MAX = 2;
/** A job that was at hand when a worker ended is not to blame for it; one that was there twice may be. */
const LOSSES_MAX = 1;
/** Workers in a row that may end before they have the plan; more would end too. */
const STILLBORN_MAX = 5;

/** Those with workers. */
const open = new Set<BatchingPool>();

/** For who is about to end the process: with a thread inside ONNX Runtime, that aborts it. */
export async function closeAllPools(): Promise<void> {
  await Promise.all([...open].map((pool) => pool.close()));
}

type Kind = WorkJob['kind'];

interface Waiting {
  readonly kind: Kind;
  readonly job: PoolTrainJob | PoolEvaluateJob;
  readonly signal: CancelSignal;
  readonly resolve: (reply: TrainReply | EvaluateReply) => void;
  readonly reject: (error: unknown) => void;
  /** Workers that ended with it. */
  losses: number;
}

interface Member {
  readonly worker: PoolWorker;
  /** Settles when it has loaded its code, or could not. */
  readonly ready: Promise<unknown>;
  readonly marks: Marks;
  /** The plan that it was sent. */
  plan?: PoolPlan;
  /** It has the plan: jobs may come. */
  there: boolean;
  /** Batches at work or at hand. */
  busy: number;
  gone: boolean;
}

/**
 * Hands jobs to workers, several small ones at a time. Jobs that come in one turn of the event loop are dealt evenly; what a
 * job computes does not depend on its company. A worker that ends is replaced, and what it had is done again, each job
 * alone: one that ends its worker twice fails.
 */
export class BatchingPool implements JobPool {
  readonly #workers: number;
  readonly #startWorker: () => PoolWorker;
  readonly #members = new Set<Member>();
  readonly #running = new Set<Promise<unknown>>();
  #waiting: Waiting[] = [];
  /** No worker is sent a job any more, whoever comes. */
  #closing = false;
  #closed: Promise<void> | undefined;
  #pumping = false;
  #times: Readonly<Record<Kind, JobTimes>> = { train: new JobTimes(0), evaluate: new JobTimes(0) };
  #plan: PoolPlan | undefined;
  /** Who waits for the first worker that has the plan. */
  #loading: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | undefined;
  /** Workers that ended since one last got the plan, before they had it. */
  #stillborn = 0;
  /** Why the last worker ended, once none is left. */
  #broken: FedloomError | undefined;

  /**
   * @param atOnce how many workers start at a time; each takes a core, and so does the caller
   */
  constructor(workers: number, startWorker: () => PoolWorker, atOnce: number) {
    this.#workers = workers;
    this.#startWorker = startWorker;
    for (let i = 0; i < atOnce; i += 1) this.#start();
    open.add(this);
  }

  /** Starts a worker, and the next when it is there. */
  #start(): void {
    if (this.#closing || this.#members.size >= this.#workers) return;
    const worker = this.#startWorker();
    const ready = worker.send({ kind: 'hello' });
    const member: Member = { worker, ready, marks: new Marks(), there: false, busy: 0, gone: false };
    this.#members.add(member);
    const begun = async () => {
      await ready;
      if (this.#closing) return;
      this.#track(worker.send({ kind: 'warm' })).catch(() => {});
      const loaded = this.#plan && this.#loadOn(member, this.#plan);
      this.#start();
      await loaded;
    };
    begun().catch((error: unknown) => this.#lose(member, error));
    void worker.lost?.then((error) => this.#lose(member, error));
  }

  get appetite(): number {
    const { train, evaluate } = this.#times;
    if (!train.someCame && !evaluate.someCame) return this.#workers * BATCH_MAX;
    const ofWorker = (kind: Kind) => this.#batchesPerWorker(kind) * this.#times[kind].batchSize;
    return this.#workers * Math.max(ofWorker('train'), ofWorker('evaluate')) + 1;
  }

  async load(plan: PoolPlan): Promise<void> {
    if (this.#closing) throw closed();
    if (this.#broken !== undefined) throw this.#broken;
    this.#plan = plan;
    this.#times = { train: new JobTimes(plan.expectedMs.train), evaluate: new JobTimes(plan.expectedMs.evaluate) };
    const loaded = new Promise<void>((resolve, reject) => {
      this.#loading = { resolve, reject };
    });
    for (const member of this.#members) {
      member.ready.then(() => this.#loadOn(member, plan)).catch((error: unknown) => this.#lose(member, error));
    }
    return loaded;
  }

  async #loadOn(member: Member, plan: PoolPlan): Promise<void> {
    if (this.#closing || member.plan === plan) return;
    member.plan = plan;
    member.there = false;
    const { bytes, hash, trains, frozen } = plan;
    const message: WorkMessage = { kind: 'load', plan: bytes, planHash: hash, trains, ...(frozen && { frozen }) };
    const [failed] = (await this.#send(member, message)).replies;
    if (member.plan !== plan) return;
    if (failed !== undefined && 'failure' in failed) return this.#loading?.reject(failureOf(failed));
    member.there = true;
    this.#stillborn = 0;
    this.#loading?.resolve();
    this.#pump();
  }

  train(job: PoolTrainJob, signal: CancelSignal): Promise<TrainReply> {
    return this.#come('train', job, signal) as Promise<TrainReply>;
  }

  evaluate(job: PoolEvaluateJob, signal: CancelSignal): Promise<EvaluateReply> {
    return this.#come('evaluate', job, signal) as Promise<EvaluateReply>;
  }

  #come(kind: Kind, job: Waiting['job'], signal: CancelSignal): Promise<TrainReply | EvaluateReply> {
    if (this.#plan === undefined) return Promise.reject(new Error('JobPool.load was not called'));
    if (this.#closing) return Promise.reject(closed());
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    this.#times[kind].came(sampleCountOf(job.examples));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ kind, job, signal, resolve, reject, losses: 0 });
      if (this.#pumping) return;
      this.#pumping = true;
      soon(() => {
        this.#pumping = false;
        this.#pump();
      });
    });
  }

  /** A thread that is ended inside a call of ONNX Runtime, or while it loads it, aborts the process: so it waits for both. */
  close(): Promise<void> {
    this.#closing = true;
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#loading?.reject(closed());
    for (const { reject } of this.#waiting) reject(closed());
    this.#waiting = [];
    for (const { worker, marks } of this.#members) for (const mark of marks.taken()) worker.cancel(mark);
    await Promise.allSettled([...this.#members].map(({ ready }) => ready));
    await Promise.allSettled(this.#running);
    await Promise.all([...this.#members].map(({ worker }) => worker.end()));
    open.delete(this);
  }

  #batchesPerWorker(kind: Kind): number {
    return this.#times[kind].batchSize > 1 ? 1 : BATCHES_PER_WORKER_MAX;
  }

  #pump(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const most = this.#batchesPerWorker(first.kind);
      const free = [...this.#members].filter(({ there, busy }) => there && busy < most);
      const [idlest] = free.sort((a, b) => a.busy - b.busy);
      if (idlest === undefined) return;
      const places = free.reduce((sum, { busy }) => sum + most - busy, 0);
      const share = Math.ceil(this.#waiting.length / places);
      const batch = this.#waiting.splice(0, this.#batchLength(first, Math.min(share, BATCH_MAX)));
      void this.#work(idlest, batch, first.kind);
    }
  }

  /** How many of those that wait make the next batch: of one kind, at least one, no longer together than a batch should be. */
  #batchLength(first: Waiting, most: number): number {
    let ms = 0;
    let length = 0;
    for (const { kind, job, losses } of this.#waiting) {
      ms += this.#times[kind].expectedMs(sampleCountOf(job.examples));
      // What was lost comes alone, so that only who is to blame is lost again.
      if (length > 0 && (losses > 0 || first.losses > 0)) break;
      if (length === most || kind !== first.kind || (length > 0 && ms > BATCH_MS)) break;
      length += 1;
    }
    return length;
  }

  async #work(member: Member, batch: readonly Waiting[], kind: Kind): Promise<void> {
    member.busy += 1;
    const batchMarks = member.marks.take((mark) => member.worker.cancel(mark));
    try {
      const jobs = batch.map(({ job, signal }) => ({ ...job, kind, mark: batchMarks.of(signal) }) as WorkJob);
      const { replies, ms } = await this.#send(member, { kind: 'jobs', jobs });
      const samples = batch.reduce((sum, { job }) => sum + sampleCountOf(job.examples), 0);
      this.#times[kind].took(ms, samples);
      for (const [at, { resolve, reject }] of batch.entries()) settle(replies[at], resolve, reject);
    } catch (error) {
      this.#again(batch, error);
      this.#lose(member, error);
    } finally {
      batchMarks.giveBack();
      member.busy -= 1;
      this.#pump();
    }
  }

  /** Before those that wait, since others may wait for them. */
  #again(batch: readonly Waiting[], error: unknown): void {
    for (const one of batch) one.losses += 1;
    const lost = batch.filter(({ losses }) => losses > LOSSES_MAX);
    for (const { job, reject } of lost) reject(lostTwice(error, job));
    const again = batch.filter((one) => !lost.includes(one));
    if (this.#closing || this.#broken !== undefined) for (const { reject } of again) reject(this.#broken ?? closed());
    else this.#waiting.unshift(...again);
  }

  /** A worker has ended: another takes its place. */
  #lose(member: Member, error: unknown): void {
    if (member.gone) return;
    member.gone = true;
    this.#members.delete(member);
    this.#track(member.worker.end()).catch(() => {});
    if (this.#closing) return;
    if (!member.there) this.#stillborn += 1;
    if (this.#stillborn <= STILLBORN_MAX) this.#start();
    if (this.#members.size > 0) return;
    this.#broken = workerLost('The workers that train and evaluate end before they are ready', error);
    this.#loading?.reject(this.#broken);
    for (const { reject } of this.#waiting) reject(this.#broken);
    this.#waiting = [];
  }

  async #send(member: Member, message: WorkMessage): Promise<WorkReply> {
    return this.#track(member.worker.send(message));
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
  if (reply === undefined) return reject(new Error('a worker gave no reply'));
  if ('failure' in reply) reject(failureOf(reply));
  else resolve(reply);
}

function failureOf({ failure }: FailureReply): FedloomError {
  return FedloomError.from(failure);
}

function closed(): FedloomError {
  return new FedloomError('client.cancelled', 'The executor was closed.');
}

function lostTwice(cause: unknown, job: Waiting['job']): FedloomError {
  if (!('client' in job)) return workerLost('Two workers, one after the other, ended while they evaluated', cause);
  const { client } = job;
  return workerLost(`Two workers, one after the other, ended while they trained client ${client}`, cause, { client });
}

/** @param cause how the worker ended */
function workerLost(what: string, cause: unknown, fields: { readonly client?: number } = {}): FedloomError {
  const how = cause instanceof Error ? cause.message : String(cause);
  return new FedloomError('compute.worker-lost', `${what}: ${how}.`, { ...fields, how }, { cause });
}
