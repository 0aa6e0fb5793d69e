import { SHARE_ENV } from 'node:worker_threads';
import type { ComputeDevice } from '@fedloom/engine/base';
import { Piscina } from 'piscina';
import type { JobPool } from '../job-pool.js';
import { BATCHES_PER_WORKER_MAX, BatchingPool } from '../workers/batching-pool.js';
import { MARKS, type PoolWorker, type WorkReply } from '../workers/pool-worker.js';
import { checkDevice } from './cuda-libraries.js';
import { workersAtOnce } from './start-order.js';

/**
 * Worker threads of this process, which read plans, models and data sets in shared memory without a copy. They start at once.
 * @param workers threads
 * @throws FedloomError `compute.device`, `backend.device`
 */
export function threadPool(workers: number, { atOnce = workersAtOnce(), device }: PoolParts = {}): JobPool {
  checkDevice(device);
  return new BatchingPool(workers, () => startThread(device), atOnce);
}

export interface PoolParts {
  /** How many workers start at a time. */
  readonly atOnce?: number;
  /** What computes. Default `cpu`. */
  readonly device?: ComputeDevice;
}

/** One worker thread. */
export function startThread(device: ComputeDevice = 'cpu'): PoolWorker {
  const pool = new Piscina({
    filename: new URL('./plan-worker.js', import.meta.url).href,
    minThreads: 1,
    maxThreads: 1,
    concurrentTasksPerWorker: BATCHES_PER_WORKER_MAX,
    recordTiming: false,
    // What the backend sets in the environment must reach ONNX Runtime, which sees that of the process only.
    env: SHARE_ENV,
    workerData: device,
  });
  const marks = new Int32Array(new SharedArrayBuffer(4 * MARKS));
  return {
    send: (message) => pool.run(message.kind === 'hello' ? { ...message, marks } : message) as Promise<WorkReply>,
    cancel: (mark) => {
      Atomics.store(marks, mark % MARKS, mark);
    },
    end: () => pool.destroy(),
  };
}
