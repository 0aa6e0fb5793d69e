import { overrideTask } from '../task/override-task.js';
import type { Task } from '../task/task.js';
import { type LoadedTask, loadTask } from './task-loader.js';

/** The task of a file with the `--set` settings changed. */
export async function loadTaskWith(path: string, settings: readonly string[]): Promise<LoadedTask> {
  const { task, file } = await loadTask(path);
  const changed = settings.reduce((before: Task, setting) => {
    const at = setting.indexOf('=');
    return overrideTask(before, setting.slice(0, at), setting.slice(at + 1));
  }, task);
  return { task: changed, file };
}
