import type { NamedTensors } from '@fedloom/engine';
import type { HashFunction } from '../../core/hash.js';
import type { Task } from '../../task/task.js';
import { type PlanEvaluator, planWorkload } from './plan-workload.js';
import { trainerWorkload } from './trainer-workload.js';
import type { ServerWorkload } from './workload.js';

export interface WorkloadOptions {
  readonly hash: HashFunction;
  readonly seed: number;
  readonly clients: number;
  /** Told to a task's own trainer, as `rounds` is. */
  readonly clientsPerRound?: number;
  readonly rounds?: number;
  /** Needed for plan tasks only: a trainer evaluates itself. Without one, nobody evaluates at the server. */
  readonly evaluator: PlanEvaluator | undefined;
  readonly initialModel?: NamedTensors;
  /** Handed to a task's own trainer. */
  readonly dataDir?: string;
}

/** What the server has clients work on, of whatever kind the task is. @throws as `planWorkload` and `trainerWorkload` */
export async function openWorkload(
  task: Task,
  { evaluator, ...options }: WorkloadOptions,
): Promise<{ readonly workload: ServerWorkload; readonly close: () => Promise<void> }> {
  if (task.kind === 'trainer') return trainerWorkload(task, options);
  return { workload: await planWorkload(task, { ...options, evaluator }), close: async () => {} };
}
