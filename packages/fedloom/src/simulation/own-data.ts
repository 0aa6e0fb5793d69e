import { FedloomError } from '@fedloom/engine';
import type { Dataset } from '../data/dataset.js';
import type { Task } from '../task/task.js';

/**
 * The task of a run that may have been served to clients with data of their own; where the task cannot give the data here, its
 * errors say that a replay needs them.
 */
export function withDataNeededHere(task: Task, run: string): Task {
  if (task.kind !== 'plan') return task;
  const { data } = task;
  const told = async <T>(give: () => Promise<T>): Promise<T> => {
    try {
      return await give();
    } catch (error) {
      throw noData(data.name, run, error);
    }
  };
  const needed: Dataset = {
    name: data.name,
    spec: () => told(() => data.spec()),
    load: (split) => told(() => data.load(split)),
  };
  return { ...task, data: needed };
}

function noData(name: string, run: string, cause: unknown): FedloomError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const message =
    `A replay trains all clients of ${run} here, and the data "${name}" of its task are not to be had here: ${why} ` +
    'If its clients held data of their own, in part folders or on other machines, name a task file with the same plan that ' +
    'finds the data of all of them here.';
  return new FedloomError('replay.no-data', message, { run, data: name }, { cause });
}
