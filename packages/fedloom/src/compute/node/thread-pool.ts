import { SHARE_ENV } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { JobPool } from '../job-pool.js';
import { BATCHES_PER_WORKER_MAX, BatchingPool } from '../workers/batching-pool.js';
import { MARKS, type PoolWorker, type WorkReply } from '../workers/pool-worker.js';
import { workersAtOnce } from './start-order.js';

/**
 * Worker threads of this process, which read plans, models and data sets in shared memory without a copy. They start at once.
 * @param workers threads
 */
export function threadPool(workers: number, atOnce = workersAtOnce()): JobPool {
  return new BatchingPool(workers, startThread, atOnce);
}

/** One worker thread. */
export function startThread(): PoolWorker {
  const pool = new Piscina({
    filename: new URL('./plan-worker.js', import.meta.url).href,
    minThreads: 1,
    maxThreads: 1,
    concurrentTasksPerWorker: BATCHES_PER_WORKER_MAX,
    recordTiming: false,
    // What the backend sets in the environment must reach ONNX Runtime, which sees that of the process only.
    env: SHARE_ENV,
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
