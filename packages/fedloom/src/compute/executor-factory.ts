import { FedloomError, type PlanMemoryLimits } from '@fedloom/engine';
import type { Task } from '../task/task.js';
import type { ClientDataSource } from './data-source.js';
import type { ClientExecutor } from './executor.js';
import type { JobPool } from './job-pool.js';
import { partitionedSource } from './partitioned-source.js';
import { PlanExecutor } from './plan-executor.js';
import { type TrainedRun, TrainerExecutor } from './trainer-executor.js';

/** What executors are made of, where a task needs it. */
export interface ExecutorParts {
  /** Called for plans only; the executor closes the pool. */
  readonly pool: () => JobPool;
  /** Jobs of trainer objects at a time, where their task allows more than one. */
  readonly workers: number;
  /** Where the clients' samples are. Without it the task deals its data set. */
  readonly source?: ClientDataSource;
  /** Handed to a task's own trainers. */
  readonly dataDir?: string;
  /** What a server's plan may take of this machine. Default: it is one's own, and may take what it takes. */
  readonly planLimits?: PlanMemoryLimits;
  /** The task is for whatever trainer task the server has. */
  readonly anyTask?: boolean;
  /** Handed to a task's own trainers, where this process decides on it. */
  readonly run?: TrainedRun;
}

/**
 * What does the work of clients: their task's own trainers, or whatever plan the server sends, for which data are enough.
 * @throws FedloomError `client.no-data` without task and source
 */
export function clientExecutor(task: Task | undefined, parts: ExecutorParts): ClientExecutor {
  const { pool, workers, source, dataDir, run, anyTask, planLimits } = parts;
  if (task?.kind === 'trainer') {
    return new TrainerExecutor({
      task,
      concurrency: workers,
      ...(dataDir && { dataDir }),
      ...(run && { run }),
      ...(anyTask && { anyTask }),
    });
  }
  const from = source ?? (task && partitionedSource(task));
  if (from !== undefined)
    return new PlanExecutor({ pool: pool(), source: from, trains: true, ...(planLimits && { limits: planLimits }) });
  throw new FedloomError(
    'client.no-data',
    'A client needs data to train on: give --data DIR with its part folders, or the task file whose data set it is dealt from.',
  );
}

/** Evaluates a plan's models on data that are at hand, as a server does; undefined for trainer tasks, which bring their own. */
export function planEvaluator(task: Task, pool: () => JobPool): PlanExecutor | undefined {
  return task.kind === 'plan' ? new PlanExecutor({ pool: pool(), source: noClients, trains: false }) : undefined;
}

const noClients: ClientDataSource = {
  open: async () => {},
  train: () => {
    throw new Error('an evaluator hosts no clients');
  },
  test: () => undefined,
};
