import { FedloomError } from '@fedloom/engine';
import type { Task } from './task.js';

/** @throws FedloomError `task.definition` for what `defineTask` did not return: of JavaScript, where nothing else sees to it */
export function checkTask(task: Task): void {
  const kind: unknown = (task as Partial<Task> | undefined)?.kind;
  if (kind === 'plan' || kind === 'trainer') return;
  const problem = 'What was given is no task: give what defineTask({ name, data, model, ... }) returns.';
  throw new FedloomError('task.definition', problem, { problems: [problem] });
}
