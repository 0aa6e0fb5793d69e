import { FedloomError } from '@fedloom/engine';
import type { JobPool } from '../job-pool.js';
import { processPool } from './process-pool.js';
import { threadPool } from './thread-pool.js';

/**
 * What trains plans: threads of this process, child processes, or a pool of your own. Results do not depend on it, and
 * trainer objects do not use it.
 */
export type PoolChoice = (typeof poolKinds)[number] | ((workers: number) => JobPool);

export const poolKinds = ['threads', 'processes'] as const;

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
