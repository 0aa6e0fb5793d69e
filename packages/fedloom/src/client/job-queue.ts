import { type CancelSignal, JobSignal } from '../compute/cancel-signal.js';
import type { ClientIndex } from '../core/brands.js';
import type { Clock } from '../core/clock.js';
import type { Version } from '../update/update.js';

/** A piece of work for one client, or for several that are evaluated together. */
export interface Job {
  readonly clients: readonly ClientIndex[];
  readonly kind: 'train' | 'evaluate';
  /** Of the training, as in `train`; of an evaluation its round. */
  readonly task: number;
  readonly attempt: number;
  /** The model to work on. */
  readonly base: Version;
  readonly scalars: Readonly<Record<string, number>>;
}

interface Running {
  readonly job: Job;
  readonly signal: JobSignal;
  readonly done: Promise<void>;
}

/** An aborted job that has not ended after this long, since its code ignores the signal, keeps nobody else waiting. */
const GRACE_MS = 500;

export interface JobQueueOptions {
  /** Asked each time a job could start. */
  readonly concurrency: () => number;
  readonly run: (job: Job, signal: CancelSignal) => Promise<void>;
  /** Nothing runs or waits. */
  readonly onIdle: () => void;
  readonly clock: Clock;
}

/**
 * Runs at most so many jobs at a time in the order they came, never two of one client together. A newer job of a client
 * supersedes its older one of the same kind.
 */
export class JobQueue {
  #waiting: Job[] = [];
  #head = 0;
  readonly #running = new Set<Running>();
  /** What runs for a client. */
  readonly #runningOf = new Map<ClientIndex, Running>();
  /** Clients whose aborted job goes on regardless: they get no other until it ends. */
  readonly #stuck = new Set<ClientIndex>();

  constructor(private readonly options: JobQueueOptions) {}

  add(jobs: readonly Job[]): void {
    this.#dropSuperseded(jobs);
    for (const job of jobs) {
      for (const client of job.clients) {
        const current = this.#runningOf.get(client);
        if (current !== undefined && current.job.kind === job.kind) this.#abort(current);
      }
      this.#waiting.push(job);
    }
    this.#pump();
  }

  /** Drops waiting jobs and aborts running ones for which `predicate` holds. @returns these jobs */
  cancel(predicate: (job: Job) => boolean): readonly Job[] {
    const cancelled: Job[] = [];
    this.#dropWaiting((job) => predicate(job) && cancelled.push(job) > 0);
    for (const running of this.#running) {
      if (!predicate(running.job)) continue;
      cancelled.push(running.job);
      this.#abort(running);
    }
    return cancelled;
  }

  /** Whether some job runs or waits for which `predicate` holds. */
  some(predicate: (job: Job) => boolean): boolean {
    return this.#waiting.some((job, at) => at >= this.#head && predicate(job)) || this.#runs(predicate);
  }

  #runs(predicate: (job: Job) => boolean): boolean {
    for (const { job } of this.#running) if (predicate(job)) return true;
    return false;
  }

  /** Evaluations are cancelled by whoever asks for others: they may be very many. */
  #dropSuperseded(jobs: readonly Job[]): void {
    if (this.#head === this.#waiting.length) return;
    const clients = new Set(jobs.filter(({ kind }) => kind === 'train').flatMap((job) => job.clients));
    if (clients.size === 0) return;
    this.#dropWaiting((job) => job.kind === 'train' && job.clients.some((client) => clients.has(client)));
  }

  #dropWaiting(predicate: (job: Job) => boolean): void {
    this.#waiting = this.#waiting.slice(this.#head).filter((job) => !predicate(job));
    this.#head = 0;
  }

  /** Settles when everything that runs now has ended, or was aborted and has had its grace. */
  async settled(): Promise<void> {
    const ends = [...this.#running].map((running) => Promise.race([running.done, this.#graceOf(running)]));
    await Promise.all(ends);
  }

  #abort(running: Running): void {
    if (running.signal.aborted) return;
    running.signal.abort();
    void this.#graceOf(running);
  }

  /** Waits for the grace, then gives the job's place to others if it still runs. */
  #graceOf(running: Running): Promise<void> {
    return new Promise((resolve) => {
      this.options.clock.setTimer(GRACE_MS, () => {
        if (running.signal.aborted && this.#forget(running)) {
          for (const client of running.job.clients) this.#stuck.add(client);
          this.#pump();
        }
        resolve();
      });
    });
  }

  /** Gives the place of a job that runs to others; false if it was given before. */
  #forget(running: Running): boolean {
    if (!this.#running.delete(running)) return false;
    for (const client of running.job.clients) this.#runningOf.delete(client);
    return true;
  }

  #pump(): void {
    while (this.#running.size < this.options.concurrency() && this.#head < this.#waiting.length) {
      const at = this.#nextRunnable();
      if (at < 0) return;
      this.#start(this.#take(at));
    }
    if (this.#running.size === 0 && this.#head === this.#waiting.length) this.options.onIdle();
  }

  #nextRunnable(): number {
    for (let at = this.#head; at < this.#waiting.length; at += 1) {
      const { clients } = this.#waiting[at] as Job;
      if (!clients.some((client) => this.#runningOf.has(client) || this.#stuck.has(client))) return at;
    }
    return -1;
  }

  /** Amortised O(1) at the head, where nearly every job is taken: an evaluation may queue 100,000. */
  #take(at: number): Job {
    const job = this.#waiting[at] as Job;
    if (at === this.#head) this.#head += 1;
    else this.#waiting.splice(at, 1);
    if (this.#head > 1024 && this.#head * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
    return job;
  }

  #start(job: Job): void {
    const signal = new JobSignal();
    const ended = () => {
      if (!this.#forget(running)) for (const client of job.clients) this.#stuck.delete(client);
      this.#pump();
    };
    const running: Running = { job, signal, done: this.options.run(job, signal).then(ended, ended) };
    this.#running.add(running);
    for (const client of job.clients) this.#runningOf.set(client, running);
  }
}
