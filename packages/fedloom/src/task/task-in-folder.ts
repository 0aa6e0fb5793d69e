import { defineTask } from './define-task.js';
import type { Task } from './task.js';

/** The task whose data set looks for its files in a folder first. */
export function taskInFolder(task: Task, folder: string): Task {
  if (task.kind !== 'plan' || task.data.inFolder === undefined) return task;
  return defineTask({ ...task, data: task.data.inFolder(folder) });
}
