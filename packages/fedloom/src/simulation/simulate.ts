import { availableParallelism } from 'node:os';
import { diskStateStore } from '../client/node/disk-state-store.js';
import type { JobPool } from '../compute/job-pool.js';
import { checkPool, openPool, type PoolChoice } from '../compute/node/pool-choice.js';
import { whole } from '../core/option-problems.js';
import type { MessageOptions } from '../protocol/own-messages.js';
import { nodePlatform } from '../server/run/node-platform.js';
import { holdersOf } from '../server/run/partial-sums.js';
import { type NamedRun, Run } from '../server/run/run.js';
import { checkRunOptions, type MoreOptions, type RunOptions } from '../server/run/run-options.js';
import { checkTask } from '../task/check-task.js';
import type { PlanTask, Task } from '../task/task.js';
import { runSimulation, type SimulatedRun } from './run-simulation.js';

export interface SimulateOptions extends RunOptions {
  /** Threads or processes that train; results do not depend on it. Default: one a core. */
  readonly workers?: number;
  /** What trains a plan; results do not depend on it. Default `threads`. */
  readonly pool?: PoolChoice;
  /**
   * Updates stay with the workers of other processes, which add up those that count, and one exact sum of each process travels
   * in their place: for a pool with `holders`, such as `remotePool`, whose network is the limit. Results do not depend on it. For
   * rounds of the mean without stages; all else is refused. A process that is lost with updates that counted ends the run, to be
   * resumed. Default false.
   */
  readonly partialSums?: boolean;
  /** Own messages at the clients' side; `messages` and `onPeer` beside it are the server's. */
  readonly clientSide?: MessageOptions;
}

export const simulateOptions: MoreOptions<SimulateOptions> = {
  workers: whole(1),
  pool: true,
  partialSums: [(value) => typeof value === 'boolean', 'true or false'],
  clientSide: true,
};

/**
 * Runs a whole federation in this process: the server and the client core of a real one, over the memory transport.
 *
 * @example for await (const round of simulate(task, { clients: 100, clientsPerRound: 10, rounds: 30 })) console.log(round);
 * @throws FedloomError `task.definition`, `run.options`, `compute.pool` at once; `fold.partial-sums` and everything else through the run's `result`
 */
export function simulate<Name extends string>(task: PlanTask<Name>, options: SimulateOptions): NamedRun<Name | 'loss'>;
export function simulate(task: Task, options: SimulateOptions): Run;
export function simulate(task: Task, options: SimulateOptions): Run {
  checkRunOptions(options, simulateOptions);
  checkTask(task);
  checkPool(options.pool);
  return new Run((events, signal) => simulateHere(task, options, { events, signal }), options.signal);
}

/** A simulation on this machine. */
export function simulateHere(task: Task, options: SimulateOptions, run: SimulatedRun) {
  const workers = options.workers ?? availableParallelism();
  let opened: JobPool | undefined;
  return runSimulation(task, options, run, {
    platform: nodePlatform,
    workers,
    pool: () => {
      opened = openPool(options.pool, workers);
      return opened;
    },
    ...(options.partialSums && { holders: () => holdersOf(opened, task) }),
    states: diskStateStore,
  });
}
