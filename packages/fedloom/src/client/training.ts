import type { CancelSignal } from '../compute/cancel-signal.js';
import type { ClientExecutor, ModelSnapshot } from '../compute/executor.js';
import type { ClientIndex } from '../core/brands.js';
import type { Clock } from '../core/clock.js';
import type { Train, UpdateMessage, Welcome } from '../protocol/messages.js';
import { type Finished, FinishedUpdates } from './finished-updates.js';
import type { Job } from './job-queue.js';
import type { PrivateStates } from './private-states.js';
import type { Leaving } from './site-guard.js';
import type { UpdateStages } from './update-stages.js';

export interface TrainingOptions {
  readonly executor: ClientExecutor;
  readonly states: PrivateStates;
  readonly stages: UpdateStages;
  /** Throws where an update may not leave. */
  readonly checkLeaving: (leaving: Leaving) => void;
  readonly clock: Clock;
  readonly welcome: () => Welcome | undefined;
  /** Settles once the update is on its way, or was dropped with the connection. */
  readonly send: (message: UpdateMessage, body: Uint8Array, giveAway: boolean) => Promise<void>;
  readonly onTrained: (job: Job, client: ClientIndex, ms: number) => void;
  /** Bytes of updates kept until they are settled, so that a line that breaks costs no training; 0: none. */
  readonly keptBytesMax: number;
}

interface AtWork {
  readonly job: Job;
  /** As it was asked for last. */
  attempt: number;
}

/** Trains for the clients of one process, from a `train` message to its updates. */
export class Training {
  readonly #options: TrainingOptions;
  /** The clients at work, or waiting for it. */
  readonly #atWork = new Map<ClientIndex, AtWork>();
  readonly #finished: FinishedUpdates;

  constructor(options: TrainingOptions) {
    this.#options = options;
    this.#finished = new FinishedUpdates(options.keptBytesMax);
  }

  /**
   * The jobs of a request. Who has finished this very task before, and was not settled, sends that update again; who is at
   * it goes on, and will answer this attempt.
   */
  jobsFor(message: Train): Job[] {
    const jobs: Job[] = [];
    for (const client of message.clients) {
      const finished = this.#finished.of(client, message);
      const atWork = this.#atWork.get(client);
      if (finished !== undefined) this.#resend(finished, message);
      else if (atWork !== undefined && isSame(atWork.job, message)) atWork.attempt = message.attempt;
      else {
        const job = jobOf(client, message);
        this.#atWork.set(client, { job, attempt: message.attempt });
        jobs.push(job);
      }
    }
    return jobs;
  }

  /** The job will bring nothing: whoever is asked for the same again begins anew. */
  cancelled(job: Job): void {
    for (const client of job.clients) if (this.#atWork.get(client)?.job === job) this.#atWork.delete(client);
  }

  async run(job: Job, model: ModelSnapshot, signal: CancelSignal): Promise<void> {
    const { clock, executor, states, stages, checkLeaving, welcome, send, onTrained } = this.#options;
    const { task, base, scalars } = job;
    const [client] = job.clients;
    if (client === undefined) throw new Error('a training is that of one client');
    try {
      const committed = await states.committed(client);
      const state = stages.algorithmState(committed);
      const startedMs = clock.now();
      const { seed = 0, needs = [] } = welcome() ?? {};
      const work = { client, task, seed, model, scalars, needs, signal, ...(state && { state }) };
      const outcome = await executor.train(work);
      if (signal.aborted) return;
      const staged = await stages.apply(outcome, { client, task, seed, ...(committed && { committed }) });
      if (signal.aborted) return;
      checkLeaving({ client, task, outcome, bytes: staged.update.byteLength });
      const trainMs = clock.now() - startedMs;
      if (staged.state !== undefined) await states.propose(client, task, staged.state);
      if (signal.aborted) return;
      const atWork = this.#atWork.get(client);
      const attempt = atWork?.job === job ? atWork.attempt : job.attempt;
      const facts = finiteFacts(outcome.facts);
      const message: UpdateMessage = { type: 'update', task, attempt, client, base, facts, trainMs };
      const kept = this.#finished.keep(message, staged.update);
      // The job lasts until its update is on its way: who trains faster than the server takes must not pile updates up.
      await send(message, staged.update, kept === undefined);
      if (kept !== undefined) this.#finished.sent(kept);
      onTrained(job, client, trainMs);
    } finally {
      // Another job may have taken its place meanwhile.
      this.cancelled(job);
    }
  }

  /** The server has decided: whatever was kept of these is not needed any more. */
  settled(clients: readonly ClientIndex[], task: number): void {
    this.#finished.forget(clients, task);
  }

  #resend(finished: Finished, { attempt }: Train): void {
    const { message, body } = finished;
    finished.sending += 1;
    void this.#options.send({ ...message, attempt }, body, false).then(() => this.#finished.sent(finished));
  }
}

function jobOf(client: ClientIndex, { task, attempt, base, scalars }: Train): Job {
  return { kind: 'train', clients: [client], task, attempt, base, scalars };
}

function isSame(a: Job, b: Train): boolean {
  return a.task === b.task && a.base.hash === b.base.hash;
}

/** A loss that has run away is no number on the wire; the update itself is for the server to judge. */
function finiteFacts(facts: UpdateMessage['facts']): UpdateMessage['facts'] {
  if (Object.values(facts).every(Number.isFinite)) return facts;
  return Object.fromEntries(Object.entries(facts).filter(([, fact]) => Number.isFinite(fact)));
}
