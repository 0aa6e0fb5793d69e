import type { Tensor } from '@fedloom/engine/base';
import { freeBytes } from '../../../core/byte-memory.js';
import { VERSION } from '../../../core/version.js';
import { sharedBytes, sharedTensor } from '../../../data/tensor-sharing.js';
import type { Connection } from '../../../protocol/transport.js';
import { type ChildMessage, fromParent } from '../../workers/child-messages.js';
import { ownBuffers, type PoolWorker, type WorkMessage, type WorkReply } from '../../workers/pool-worker.js';
import { type PoolKind, type PoolSettings, workerStarter } from '../pool-choice.js';
import { FrameLine } from './frame-line.js';
import { HeldUpdates } from './held-updates.js';
import type { FromHost, ToHolder, ToHost } from './host-messages.js';

export interface WorkerHostOptions {
  /** Workers that the pool at the other end should use here. */
  readonly workers: number;
  /** Default `threads`. */
  readonly pool?: PoolKind | PoolSettings;
}

/** What a worker was sent and has not answered. */
interface Work {
  readonly done: Promise<WorkReply>;
  /** Of its jobs. */
  readonly marks: readonly number[];
}

/**
 * Gives the pool at the other end of a connection workers in this process. They share what they are sent: a model comes once.
 * @returns settles when the connection is closed and all workers have ended
 */
export function hostWorkers(connection: Connection, { workers: offered, pool }: WorkerHostOptions): Promise<void> {
  return new Promise((resolve) => {
    const start = workerStarter(pool);
    const workers = new Map<number, PoolWorker>();
    const atWork = new Map<PoolWorker, Set<Work>>();
    const kept = new Map<number, unknown>();
    /** By the pools' numbers. */
    const holds = new Map<number, HeldUpdates>();
    const line = new FrameLine(connection, {
      message: (value) => take(value as ToHost),
      closed: () => {
        // What they are at work on nobody wants any more.
        void Promise.allSettled([...workers.values()].map(end)).then(() => resolve());
      },
    });
    const tell = (message: FromHost) => line.send(message);
    tell({ kind: 'offer', workers: offered, version: VERSION });

    function workerOf(number: number): PoolWorker {
      const known = workers.get(number);
      if (known !== undefined) return known;
      const worker = start();
      workers.set(number, worker);
      void worker.lost?.then((how) => lose(number, worker, how));
      return worker;
    }

    /** Cancels what it is at work on and waits for that: a thread that ends within a call takes the process along. */
    async function end(worker: PoolWorker): Promise<void> {
      const works = [...(atWork.get(worker) ?? [])];
      for (const mark of works.flatMap(({ marks }) => marks)) worker.cancel(mark);
      await Promise.allSettled(works.map(({ done }) => done));
      await worker.end();
    }

    async function work(worker: PoolWorker, message: WorkMessage): Promise<WorkReply> {
      const done = worker.send(message);
      const own: Work = { done, marks: message.kind === 'jobs' ? message.jobs.map(({ mark }) => mark) : [] };
      const all = atWork.get(worker) ?? new Set();
      atWork.set(worker, all.add(own));
      try {
        return await done;
      } finally {
        all.delete(own);
      }
    }

    function lose(number: number, worker: PoolWorker, how: unknown): void {
      if (workers.get(number) !== worker) return;
      workers.delete(number);
      worker.end().catch(() => {});
      tell({ kind: 'lost', worker: number, how: how instanceof Error ? how.message : String(how) });
    }

    function takeAsHolder(told: ToHolder): void {
      const held = holds.get(told.hold);
      switch (told.kind) {
        case 'hold':
          holds.set(told.hold, new HeldUpdates(told));
          return;
        case 'add':
          return known(held).add(told.round, told.update, told.contribution);
        case 'sum':
          return tell(known(held).sum(told.round));
        case 'drop':
          return held?.drop(told.round);
        case 'release':
          held?.release();
          holds.delete(told.hold);
          return;
      }
    }

    function take(told: ToHost): void {
      if (!('worker' in told)) return takeAsHolder(told);
      const { worker: number } = told;
      switch (told.kind) {
        case 'message': {
          const { message } = told;
          const shared =
            message.kind === 'jobs'
              ? {
                  ...message,
                  kept: {
                    ...message.kept,
                    added: message.kept.added.map(([id, value]) => [id, inSharedMemory(value)] as const),
                  },
                }
              : message;
          const worker = workerOf(number);
          // Named at once: a later message may forget what this one uses.
          work(worker, fromParent(shared, kept))
            .then((reply) => {
              const held = told.hold === undefined ? undefined : holds.get(told.hold);
              const answer = held === undefined ? reply : withReceipts(held, message, reply);
              tell({ kind: 'reply', worker: number, reply: answer });
              for (const buffer of ownBuffers(answer)) freeBytes(new Uint8Array(buffer));
            })
            .catch((how: unknown) => lose(number, worker, how));
          return;
        }
        case 'cancel':
          return workers.get(number)?.cancel(told.mark);
        case 'end': {
          const worker = workers.get(number);
          workers.delete(number);
          const ended = () => tell({ kind: 'ended', worker: number });
          void (worker === undefined ? Promise.resolve() : end(worker)).then(ended, ended);
          return;
        }
      }
    }
  });
}

/** What is thrown closes the connection: a sum without it would be another. */
function known(held: HeldUpdates | undefined): HeldUpdates {
  if (held === undefined) throw new Error('nothing is held here for this pool');
  return held;
}

/** A worker's reply whose updates stay here. */
function withReceipts(held: HeldUpdates, message: ChildMessage, { replies, ms }: WorkReply): WorkReply {
  const jobs = message.kind === 'jobs' ? message.jobs : [];
  const told = replies.map((reply, at) => {
    const job = jobs[at];
    return 'update' in reply && job?.kind === 'train' ? held.keep(job, reply) : reply;
  });
  return { replies: told, ms };
}

/** A model or a tensor, where all threads of this process read it. */
function inSharedMemory(value: unknown): unknown {
  if (value instanceof Uint8Array) return sharedBytes(value);
  const { dtype, shape, data } = value as Tensor;
  const shared = sharedTensor(dtype, shape);
  (shared.data as { set(from: ArrayLike<number | bigint>): void }).set(data as ArrayLike<number | bigint>);
  return shared;
}
