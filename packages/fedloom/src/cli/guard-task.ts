import * as fedloom from '../index.js';
import type { PlanTask, Task, TrainerTask } from '../task/task.js';
import type { Trainer } from '../task/trainer.js';
import type { Interrupts } from './interrupts.js';

/** The task whose own functions, where they run on this thread, are called as `interrupts.userCode`. */
export function guardTask(task: PlanTask, interrupts: Interrupts): PlanTask;
export function guardTask(task: Task, interrupts: Interrupts): Task;
export function guardTask(task: Task, interrupts: Interrupts): Task {
  const guard = <O extends object>(object: O) => guardMethods(object, interrupts);
  const { resultAggregator } = task;
  const common = {
    // Ours take microseconds, and a signal is to find its listener.
    algorithm: isBuiltIn(task) ? task.algorithm : { ...task.algorithm, server: guard(task.algorithm.server) },
    resultAggregator: resultAggregator === fedloom.meanResultAggregator ? resultAggregator : guard(resultAggregator),
  };
  if (task.kind === 'plan') {
    const { data, partition, model } = task;
    return Object.freeze({ ...task, ...common, data: guard(data), partition: guard(partition), model: guard(model) });
  }
  const trainer: TrainerTask['trainer'] = async (client) =>
    guard<Trainer>(await interrupts.userCode(() => task.trainer(client)));
  return Object.freeze({ ...task, ...common, trainer });
}

function isBuiltIn({ algorithm }: Task): boolean {
  return algorithm.name in fedloom;
}

/** An object with the same properties, whose methods are called on the original. */
function guardMethods<O extends object>(object: O, interrupts: Interrupts): O {
  return new Proxy(Object.create(Object.getPrototypeOf(object)) as O, {
    get: (_empty, name) => {
      const value: unknown = Reflect.get(object, name, object);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => interrupts.userCode(() => Reflect.apply(value, object, args));
    },
    has: (_empty, name) => Reflect.has(object, name),
    ownKeys: () => Reflect.ownKeys(object),
    getOwnPropertyDescriptor: (_empty, name) => {
      const own = Reflect.getOwnPropertyDescriptor(object, name);
      return own && { ...own, configurable: true };
    },
  });
}
