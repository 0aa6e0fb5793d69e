import type { AnyMetric } from '@fedloom/engine';
import { fedAvg } from '../algorithms/fed-avg.js';
import type { Results } from '../core/records.js';
import { iid } from '../data/iid.js';
import { refuseOptimizer } from './applied-terms.js';
import { meanResultAggregator } from './mean-results.js';
import type {
  NumberNames,
  PlanTask,
  PlanTaskDefinition,
  Task,
  TaskDefinition,
  TrainerTask,
  TrainerTaskDefinition,
} from './task.js';
import { checkDefinition } from './task-schema.js';

/** Marks tasks, also for a task file that was loaded with another copy of fedloom. */
const BRAND = Symbol.for('fedloom.task');

/**
 * Checks a task, fills in the defaults and freezes it. A task file's default export is what this returns. A task may be made of
 * another, `defineTask({ ...task, algorithm: scaffold() })`.
 * @throws FedloomError `task.definition`, naming each field at fault and how to mend it.
 */
export function defineTask<const Metrics extends readonly AnyMetric[] = readonly []>(
  task: PlanTaskDefinition & { readonly metrics?: Metrics },
): PlanTask<NumberNames<Metrics>>;
export function defineTask<R extends Results>(task: TrainerTaskDefinition<R>): TrainerTask<R>;
export function defineTask(given: TaskDefinition): Task {
  const task = withoutKind(given);
  checkDefinition(task);
  const algorithm = task.algorithm ?? fedAvg();
  const factory = 'trainer' in task ? task.trainer : undefined;
  const resultAggregator = task.resultAggregator ?? factory?.resultAggregator ?? meanResultAggregator;
  if ('trainer' in task)
    return finish({
      kind: 'trainer',
      name: task.name,
      trainer: task.trainer,
      concurrent: task.concurrent ?? task.trainer.concurrent ?? false,
      speed: task.speed ?? alike,
      algorithm,
      resultAggregator,
      bounds: Object.freeze({ ...task.bounds }),
    });
  refuseOptimizer(task.name, algorithm, task.training.optimizer);
  return finish({
    kind: 'plan',
    name: task.name,
    data: task.data,
    partition: task.partition ?? iid(),
    model: task.model,
    loss: task.loss,
    metrics: Object.freeze([...(task.metrics ?? [])]),
    training: Object.freeze({ ...task.training, shuffle: task.training.shuffle ?? true }),
    algorithm,
    resultAggregator,
    speed: task.speed ?? alike,
    bounds: Object.freeze({ ...task.bounds }),
  });
}

/** What a task was made of has no `kind`; a task that is spread into another has that of the first. */
function withoutKind(task: TaskDefinition): TaskDefinition {
  if (typeof task !== 'object' || task === null || !('kind' in task)) return task;
  const { kind: _kind, ...definition } = task;
  return definition as TaskDefinition;
}

const alike = () => 1;

/** Whether a value came from `defineTask`. */
export function isTask(value: unknown): value is Task {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, BRAND);
}

function finish<T extends Task>(task: T): T {
  return Object.freeze(Object.defineProperty(task, BRAND, { value: true }));
}
