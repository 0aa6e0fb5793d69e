import { type ComputeDevice, FedloomError } from '@fedloom/engine/base';
import type { JobPool } from '../job-pool.js';
import type { PoolWorker } from '../workers/pool-worker.js';
import { checkDevice } from './cuda-libraries.js';
import { processPool, startChild } from './process-pool.js';
import { startThread, threadPool } from './thread-pool.js';

/**
 * What trains plans: threads of this process, child processes, or a pool of your own. Results do not depend on it, but for
 * those of a GPU, and trainer objects do not use it.
 */
export type PoolChoice = PoolKind | PoolSettings | ((workers: number) => JobPool);

export type PoolKind = 'threads' | 'processes';

export interface PoolSettings {
  /** Default `threads`. */
  readonly kind?: PoolKind;
  /**
   * What computes. Default `cpu`. A GPU takes libraries that are not installed with fedloom (docs/models.md), and its results are not
   * those of the processor to the bit, nor always its own of another time.
   */
  readonly device?: ComputeDevice;
}

export const poolKinds: readonly PoolKind[] = ['threads', 'processes'];

/** @throws FedloomError `compute.pool`, `compute.device`, `backend.device` */
export function checkPool(choice: PoolChoice | undefined): void {
  if (typeof choice === 'function') return;
  const { kind, device } = settingsOf(choice);
  checkDevice(device);
  if (poolKinds.includes(kind)) return;
  throw new FedloomError(
    'compute.pool',
    `There is no pool '${String(kind)}'. Take one of ${poolKinds.join(', ')}, or a function that makes a pool of so many workers.`,
    { pool: String(kind) },
  );
}

function settingsOf(choice: PoolKind | PoolSettings = {}): Required<PoolSettings> {
  return { kind: 'threads', device: 'cpu', ...(typeof choice === 'object' ? choice : { kind: choice }) };
}

/** Starts the pool. @throws FedloomError `compute.pool`, `compute.device`, `backend.device` */
export function openPool(choice: PoolChoice | undefined, workers: number): JobPool {
  checkPool(choice);
  if (typeof choice === 'function') return choice(workers);
  const { kind, device } = settingsOf(choice);
  return kind === 'processes' ? processPool(workers, { device }) : threadPool(workers, { device });
}

/** What starts a single worker of a kind. @throws FedloomError `compute.device`, `backend.device` */
export function workerStarter(choice: PoolKind | PoolSettings = {}): () => PoolWorker {
  const { kind, device } = settingsOf(choice);
  checkDevice(device);
  const start = kind === 'processes' ? startChild : startThread;
  return () => start(device);
}
