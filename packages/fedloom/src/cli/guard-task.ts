import type { BuiltModel, Model } from '@fedloom/engine';
import type { FederatedAlgorithm } from '../algorithms/algorithm.js';
import * as fedloom from '../index.js';
import type { PlanTask, Task, TrainerTask } from '../task/task.js';
import type { Trainer, TrainerClient } from '../task/trainer.js';
import type { Interrupts } from './interrupts.js';
import { located } from './user-errors.js';

/** What trainers learn from the command. */
interface Surroundings extends Pick<TrainerClient, 'folder' | 'log'> {
  /** Tells the stack of what trainers and result aggregators throw: it costs a warning, and the run goes on. */
  readonly verbose?: boolean;
}

/**
 * The task whose own functions, where they run on this thread, are called as `interrupts.userCode`; what they throw says where in
 * the user's files it arose.
 */
export function guardTask(task: PlanTask, interrupts: Interrupts): PlanTask;
export function guardTask(task: Task, interrupts: Interrupts, surroundings: Surroundings): Task;
export function guardTask(task: Task, interrupts: Interrupts, { verbose = false, ...others }: Surroundings = {}): Task {
  const guard = new Guard(interrupts, verbose ? others.log : undefined);
  const { resultAggregator, speed } = task;
  const common = {
    algorithm: guardAlgorithm(task.algorithm, guard),
    speed: (client: number) => guard.call('speed', () => speed(client)),
    resultAggregator: runsElsewhere(task) ? resultAggregator : guard.aloud('resultAggregator', resultAggregator),
  };
  if (task.kind === 'plan') return guardPlan({ ...task, ...common }, guard);
  const make = (client: TrainerClient) => task.trainer({ ...client, ...others });
  const trainer: TrainerTask['trainer'] = task.trainer.ownProcesses
    ? make
    : async (client) => guard.aloud<Trainer>('trainer', await guard.call('trainer', async () => make(client)));
  return Object.freeze({ ...task, ...common, trainer });
}

function guardPlan(task: PlanTask, guard: Guard): PlanTask {
  const { data, partition, model, loss, metrics, training } = task;
  return Object.freeze({
    ...task,
    data: guard.methods('data', data),
    partition: guard.methods('partition', partition),
    model: guardModel(model, guard),
    loss: guard.methods('loss', loss),
    metrics: metrics.map((metric) => guard.methods(`metric ${metric.name}`, metric)),
    training: { ...training, optimizer: guard.methods('optimizer', training.optimizer) },
  });
}

/** Of the model that it builds too: that is where layers build their part of a graph. */
function guardModel(model: Model, guard: Guard): Model {
  return {
    build: (inputShape) => {
      const built: BuiltModel = guard.call('model', () => model.build(inputShape));
      const parameters = built.parameters.map((parameter) => guard.methods('model', parameter));
      return { ...built, parameters, apply: (...args) => guard.call('model', () => built.apply(...args)) };
    },
  };
}

function runsElsewhere(task: Task): boolean {
  const { resultAggregator } = task;
  if (resultAggregator === fedloom.meanResultAggregator) return true;
  return (
    task.kind === 'trainer' && task.trainer.ownProcesses === true && resultAggregator === task.trainer.resultAggregator
  );
}

/** Ours take microseconds, and a signal is to find its listener. */
function guardAlgorithm(algorithm: FederatedAlgorithm, guard: Guard): FederatedAlgorithm {
  if (algorithm.name in fedloom) return algorithm;
  const { name, server, client, weight, fold } = algorithm;
  return {
    ...algorithm,
    server: guard.methods(`${name}.server`, server),
    ...(client && {
      client: guard.methods(
        `${name}.client`,
        client.terms === undefined ? client : { ...client, terms: guard.methods(`${name}.client.terms`, client.terms) },
      ),
    }),
    ...(weight && {
      weight: (facts, scalars) => guard.call(`${name}.weight`, () => weight.call(algorithm, facts, scalars)),
    }),
    ...(fold && !(fold.name in fedloom) && { fold: guard.methods(`${name}.fold`, fold) }),
  };
}

class Guard {
  /** Errors whose stacks were told. */
  readonly #told = new Set<string>();

  constructor(
    private readonly interrupts: Interrupts,
    private readonly log: ((line: string) => void) | undefined,
  ) {}

  /** Calls code of the user's. @param what of the task it is */
  call<T>(what: string, code: () => T, tell?: (error: unknown) => void): T {
    const rethrow = (error: unknown): never => {
      const told = located(error, what);
      tell?.(told);
      throw told;
    };
    try {
      const result = this.interrupts.userCode(code);
      return result instanceof Promise ? (result.catch(rethrow) as T) : result;
    } catch (error) {
      return rethrow(error);
    }
  }

  /** An object with the same properties, whose methods are called on the original. */
  methods<O extends object>(what: string, object: O, tell?: (error: unknown) => void): O {
    // What is no object is refused by who is to use it.
    if (typeof object !== 'object' || object === null) return object;
    return new Proxy(Object.create(Object.getPrototypeOf(object)) as O, {
      get: (_empty, name) => {
        const value: unknown = Reflect.get(object, name, object);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) =>
          this.call(`${what}.${String(name)}`, () => Reflect.apply(value, object, args), tell);
      },
      has: (_empty, name) => Reflect.has(object, name),
      ownKeys: () => Reflect.ownKeys(object),
      getOwnPropertyDescriptor: (_empty, name) => {
        const own = Reflect.getOwnPropertyDescriptor(object, name);
        return own && { ...own, configurable: true };
      },
    });
  }

  /** As `methods`; each error's stack is told once. */
  aloud<O extends object>(what: string, object: O): O {
    return this.methods(what, object, (error) => {
      const cause = error instanceof Error ? (error.cause ?? error) : error;
      if (this.log === undefined || !(cause instanceof Error) || cause.stack === undefined) return;
      if (this.#told.has(cause.stack)) return;
      this.#told.add(cause.stack);
      this.log(cause.stack);
    });
  }
}
