import { FedloomError } from '@fedloom/engine';
import type { PlanTask, Task } from '../task/task.js';

/**
 * A task whose data fedloom knows.
 * @param to what is to be done with them, for the message
 * @throws FedloomError `partition.trainer`
 */
export function planTask(task: Task, to: 'deal' | 'describe'): PlanTask {
  if (task.kind === 'plan') return task;
  const message = `Task "${task.name}" reads its data in its own trainer: there is no data set that fedloom could ${to}.`;
  throw new FedloomError('partition.trainer', message, { task: task.name });
}
