import type { FederatedAlgorithm } from '../algorithms/algorithm.js';
import * as fedloom from '../index.js';
import type { PlanTask, Task, TrainerTask } from '../task/task.js';
import type { Trainer, TrainerClient } from '../task/trainer.js';
import type { Interrupts } from './interrupts.js';

/** What trainers learn from the command. */
type Surroundings = Pick<TrainerClient, 'folder' | 'log'>;

/** The task whose own functions, where they run on this thread, are called as `interrupts.userCode`. */
export function guardTask(task: PlanTask, interrupts: Interrupts): PlanTask;
export function guardTask(task: Task, interrupts: Interrupts, surroundings: Surroundings): Task;
export function guardTask(task: Task, interrupts: Interrupts, surroundings?: Surroundings): Task {
  const guard = <O extends object>(object: O) => guardMethods(object, interrupts);
  const { resultAggregator, speed } = task;
  const common = {
    algorithm: guardAlgorithm(task.algorithm, interrupts),
    speed: (client: number) => interrupts.userCode(() => speed(client)),
    resultAggregator: runsElsewhere(task) ? resultAggregator : guard(resultAggregator),
  };
  if (task.kind === 'plan') {
    const { data, partition, model } = task;
    return Object.freeze({ ...task, ...common, data: guard(data), partition: guard(partition), model: guard(model) });
  }
  const make = (client: TrainerClient) => task.trainer({ ...client, ...surroundings });
  const trainer: TrainerTask['trainer'] = task.trainer.ownProcesses
    ? make
    : async (client) => guard<Trainer>(await interrupts.userCode(() => make(client)));
  return Object.freeze({ ...task, ...common, trainer });
}

function runsElsewhere(task: Task): boolean {
  const { resultAggregator } = task;
  if (resultAggregator === fedloom.meanResultAggregator) return true;
  return (
    task.kind === 'trainer' && task.trainer.ownProcesses === true && resultAggregator === task.trainer.resultAggregator
  );
}

/** Ours take microseconds, and a signal is to find its listener. */
function guardAlgorithm(algorithm: FederatedAlgorithm, interrupts: Interrupts): FederatedAlgorithm {
  if (algorithm.name in fedloom) return algorithm;
  const guard = <O extends object>(object: O) => guardMethods(object, interrupts);
  const { server, client, weight, fold } = algorithm;
  return {
    ...algorithm,
    server: guard(server),
    ...(client && { client: guard(client) }),
    ...(weight && { weight: (facts, scalars) => interrupts.userCode(() => weight.call(algorithm, facts, scalars)) }),
    ...(fold && !(fold.name in fedloom) && { fold: guard(fold) }),
  };
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
