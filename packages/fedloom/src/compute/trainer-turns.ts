import type { TrainerTask } from '../task/task.js';
import { Turns } from './turns.js';

/** Who shares a task's trainers shares its turns: the server and the clients of a simulation, several runs of one process. */
const turnsOfTasks = new WeakMap<TrainerTask, Turns>();

/**
 * Runs one job of a trainer, from `setModelParams` to the copy of what it leaves: alone among the jobs of its task in this
 * process, since trainers may share a model object, unless the task says `concurrent`.
 */
export type TakeTurn = Turns['take'];

export function turnsOf(task: TrainerTask): TakeTurn {
  if (task.concurrent) return (work) => work();
  let turns = turnsOfTasks.get(task);
  if (turns === undefined) {
    turns = new Turns();
    turnsOfTasks.set(task, turns);
  }
  const own = turns;
  return (work, signal) => own.take(work, signal);
}
