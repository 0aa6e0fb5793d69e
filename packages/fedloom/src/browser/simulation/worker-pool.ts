import { FedloomError } from '@fedloom/engine';
import type { JobPool } from '../../compute/job-pool.js';
import { BatchingPool } from '../../compute/workers/batching-pool.js';
import { toChild } from '../../compute/workers/child-messages.js';
import { Copies } from '../../compute/workers/copies.js';
import type { PoolWorker, WorkMessage, WorkReply } from '../../compute/workers/pool-worker.js';
import type { PageWorker } from '../join-options.js';
import type { RuntimeOptions } from '../load-runtime.js';
import { lostWorker } from '../own-worker.js';
import type { FromPlanWorker, ToPlanWorker } from './plan-messages.js';

/** Of models and data sets that a worker keeps. */
const COPIES_BYTES_MAX = 256 << 20;

interface Asked {
  resolve(reply: WorkReply): void;
  reject(error: unknown): void;
}

/**
 * Workers of a page, each with ONNX Runtime and copies of what it works on.
 * @param workers how many, of which the next starts when one is there
 */
export function workerPool(workers: number, make: () => PageWorker, runtime: RuntimeOptions): JobPool {
  return new BatchingPool(workers, () => new PlanWorker(make(), runtime), 1);
}

class PlanWorker implements PoolWorker {
  readonly lost: Promise<unknown>;
  readonly #worker: PageWorker;
  readonly #copies = new Copies(COPIES_BYTES_MAX);
  /** Answers come in the order of the messages. */
  readonly #asked: Asked[] = [];
  #ended: unknown;
  #told: (error: unknown) => void = () => {};

  constructor(worker: PageWorker, runtime: RuntimeOptions) {
    this.#worker = worker;
    this.lost = new Promise((resolve) => {
      this.#told = resolve;
    });
    worker.addEventListener('message', ({ data }: { readonly data: FromPlanWorker }) => this.#receive(data));
    worker.addEventListener('error', (event: { readonly message?: string }) => this.#fail(lostWorker(event)));
    worker.addEventListener('messageerror', () => this.#fail(lostWorker({ message: 'it sent what cannot be read' })));
    this.#tell({ type: 'start', runtime });
  }

  send(message: WorkMessage): Promise<WorkReply> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#tell({ type: 'work', message: toChild(message, this.#copies) });
      this.#asked.push({ resolve, reject });
    });
  }

  cancel(mark: number): void {
    this.#tell({ type: 'cancel', mark });
  }

  async end(): Promise<void> {
    this.#worker.terminate();
  }

  #tell(message: ToPlanWorker): void {
    this.#worker.postMessage(message);
  }

  #receive(message: FromPlanWorker): void {
    if (message.type === 'failed') return this.#fail(FedloomError.from(message.error));
    this.#asked.shift()?.resolve(message.reply);
  }

  #fail(error: unknown): void {
    this.#ended ??= error;
    for (const { reject } of this.#asked.splice(0)) reject(this.#ended);
    this.#told(this.#ended);
  }
}
