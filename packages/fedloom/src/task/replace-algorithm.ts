import type { FederatedAlgorithm } from '../algorithms/algorithm.js';
import { defineTask } from './define-task.js';
import type { Task } from './task.js';

/**
 * The task with another algorithm in place of its own: what `--algorithm` does.
 * @throws FedloomError `task.optimizer` where the algorithm does not go with the task's optimiser
 */
export function replaceAlgorithm(task: Task, algorithm: FederatedAlgorithm): Task {
  return task.kind === 'plan' ? defineTask({ ...task, algorithm }) : defineTask({ ...task, algorithm });
}
