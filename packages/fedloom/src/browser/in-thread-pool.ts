import type { GraphBackend } from '@fedloom/engine/run';
import type { JobPool } from '../compute/job-pool.js';
import { BatchingPool } from '../compute/workers/batching-pool.js';
import { PlanWork } from '../compute/workers/plan-work.js';
import { MARKS, type PoolWorker } from '../compute/workers/pool-worker.js';
import type { Turns } from './turns.js';

/** A pool of one worker, which is the thread that this is called on: between two calls of its sessions the thread does what else there is. */
export function inThreadPool(backend: GraphBackend, turns: Turns): JobPool {
  return new BatchingPool(1, () => startInThread(backend, turns), 1);
}

function startInThread(backend: GraphBackend, turns: Turns): PoolWorker {
  const marks = new Int32Array(MARKS);
  const plans = new PlanWork(turns.between(backend));
  plans.watchMarks(marks);
  return {
    send: (message) => plans.work(message),
    cancel(mark) {
      Atomics.store(marks, mark % MARKS, mark);
      turns.hurry();
    },
    async end() {
      turns.close();
      await plans.release();
    },
  };
}
