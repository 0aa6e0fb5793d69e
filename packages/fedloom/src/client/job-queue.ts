/** A piece of work for one client. */
export interface Job {
  readonly client: number;
  readonly kind: 'train' | 'evaluate';
  readonly round: number;
  readonly attempt: number;
  /** Hash of the model to work on. */
  readonly model: string;
  readonly scalars: Readonly<Record<string, number>>;
}

interface Running {
  readonly job: Job;
  readonly abort: AbortController;
  readonly done: Promise<void>;
}

/**
 * Runs at most `concurrency` jobs at a time in the order they came, never two of one client together.
 * A newer job of a client supersedes its older one of the same kind.
 */
export class JobQueue {
  #waiting: Job[] = [];
  #head = 0;
  readonly #running = new Map<number, Running>();

  /**
   * @param concurrency asked each time a job could start
   * @param run must handle its own errors: it never rejects
   */
  constructor(
    private readonly concurrency: () => number,
    private readonly run: (job: Job, signal: AbortSignal) => Promise<void>,
    private readonly onIdle: () => void,
  ) {}

  add(jobs: readonly Job[]): void {
    for (const job of jobs) {
      const current = this.#running.get(job.client);
      if (current !== undefined && current.job.kind === job.kind) current.abort.abort();
      this.#waiting.push(job);
    }
    this.#pump();
  }

  /** Drops waiting jobs and aborts running ones for which `predicate` holds. */
  cancel(predicate: (job: Job) => boolean): void {
    this.#waiting = this.#waiting.slice(this.#head).filter((job) => !predicate(job));
    this.#head = 0;
    for (const running of this.#running.values()) {
      if (predicate(running.job)) running.abort.abort();
    }
  }

  /** Settles when everything that runs now has ended. */
  async settled(): Promise<void> {
    await Promise.all([...this.#running.values()].map((running) => running.done));
  }

  #pump(): void {
    while (this.#running.size < this.concurrency() && this.#head < this.#waiting.length) {
      const at = this.#nextRunnable();
      if (at < 0) return;
      this.#start(this.#take(at));
    }
    if (this.#running.size === 0 && this.#head === this.#waiting.length) this.onIdle();
  }

  #nextRunnable(): number {
    for (let at = this.#head; at < this.#waiting.length; at += 1) {
      if (!this.#running.has((this.#waiting[at] as Job).client)) return at;
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
    const abort = new AbortController();
    const done = this.run(job, abort.signal).then(() => {
      this.#running.delete(job.client);
      this.#pump();
    });
    this.#running.set(job.client, { job, abort, done });
  }
}
