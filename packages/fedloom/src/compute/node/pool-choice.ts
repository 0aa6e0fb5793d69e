import { FedloomError } from '@fedloom/engine';
import type { JobPool } from '../job-pool.js';
import type { PoolWorker } from '../workers/pool-worker.js';
import { processPool, startChild } from './process-pool.js';
import { startThread, threadPool } from './thread-pool.js';

/**
 * What trains plans: threads of this process, child processes, or a pool of your own. Results do not depend on it, and
 * trainer objects do not use it.
 */
export type PoolChoice = PoolKind | ((workers: number) => JobPool);

export type PoolKind = 'threads' | 'processes';

export const poolKinds: readonly PoolKind[] = ['threads', 'processes'];

/** @throws FedloomError `compute.pool` */
export function checkPool(choice: PoolChoice | undefined): void {
  if (choice === undefined || typeof choice === 'function' || poolKinds.includes(choice)) return;
  throw new FedloomError(
    'compute.pool',
    `There is no pool '${String(choice)}'. Take one of ${poolKinds.join(', ')}, or a function that makes a pool of so many workers.`,
    { pool: String(choice) },
  );
}

/** Starts the pool. @throws FedloomError `compute.pool` */
export function openPool(choice: PoolChoice | undefined, workers: number): JobPool {
  checkPool(choice);
  if (typeof choice === 'function') return choice(workers);
  return choice === 'processes' ? processPool(workers) : threadPool(workers);
}

/** What starts a single worker of a kind. */
export function workerStarter(kind: PoolKind = 'threads'): () => PoolWorker {
  return kind === 'processes' ? startChild : startThread;
}
