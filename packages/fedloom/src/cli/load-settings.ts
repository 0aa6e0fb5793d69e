import { algorithmNamed, withFold } from '../algorithms/registry.js';
import { parseCall } from '../core/call-text.js';
import { overrideTask } from '../task/override-task.js';
import { replaceAlgorithm } from '../task/replace-algorithm.js';
import type { Task } from '../task/task.js';
import { foldNamed } from '../update/folds/registry.js';
import { type LoadedTask, loadTask } from './task-loader.js';

/** What the command line changes in a task, each as it was written. */
export interface TaskChanges {
  /** `path=value`, in order. */
  readonly set: readonly string[];
  /** `fedProx(mu=0.1)` */
  readonly algorithm?: string | undefined;
  /** `krum(f=1)` */
  readonly fold?: string | undefined;
}

/** The task of a file with another algorithm, another fold and changed settings, in this order. */
export async function loadTaskWith(path: string, changes: TaskChanges): Promise<LoadedTask> {
  const loaded = await loadTask(path);
  return { ...loaded, task: changedTask(loaded.task, changes) };
}

/** @throws FedloomError `call.syntax`, `algorithm.*`, `fold.*`, `task.*`, naming what cannot be done */
export function changedTask(task: Task, { set, algorithm, fold }: TaskChanges): Task {
  let changed = task;
  if (algorithm !== undefined) {
    const { name, options } = parseCall(algorithm, 'fedProx(mu=0.1)');
    changed = replaceAlgorithm(changed, algorithmNamed(name, options));
  }
  if (fold !== undefined) {
    const { name, options } = parseCall(fold, 'krum(f=1)');
    changed = replaceAlgorithm(changed, withFold(changed.algorithm, foldNamed(name, options)));
  }
  return set.reduce((before, setting) => {
    const at = setting.indexOf('=');
    return overrideTask(before, setting.slice(0, at), setting.slice(at + 1));
  }, changed);
}

/** As arguments of a command that is to make the same changes. */
export function changesAsArguments({ set, algorithm, fold }: TaskChanges): string[] {
  return [
    ...(algorithm === undefined ? [] : ['--algorithm', algorithm]),
    ...(fold === undefined ? [] : ['--fold', fold]),
    ...set.flatMap((one) => ['--set', one]),
  ];
}
