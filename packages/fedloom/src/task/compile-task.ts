import {
  compilePlan,
  type DataSpec,
  FedloomError,
  initializeParameters,
  type NamedTensors,
  type TrainingPlan,
} from '@fedloom/engine';
import { RandomStream } from '../core/random.js';
import type { PlanTask } from './task.js';

const FITTING_CODES = ['layer.', 'loss.', 'metric.', 'graph.'];

/**
 * The task's training plan for data of this form. Equal tasks give equal bytes.
 * @param seed of the run: private parameters start from values drawn with it
 * @throws FedloomError `task.model-data` when model, loss and data do not fit together: it names the layer and the shapes.
 */
export function compileTask(task: PlanTask, data: DataSpec, seed = 0): TrainingPlan {
  const { name, model, loss, metrics, training, algorithm } = task;
  try {
    return compilePlan({
      name,
      model,
      data,
      loss,
      metrics,
      training,
      ...(algorithm.client?.terms === undefined ? {} : { terms: algorithm.client.terms }),
      privateStart: privateStart(task, data, seed),
    });
  } catch (error) {
    if (!(error instanceof FedloomError) || !FITTING_CODES.some((area) => error.code.startsWith(area))) throw error;
    throw new FedloomError(
      'task.model-data',
      `Task "${name}": model and data do not fit. ${error.message} The data "${task.data.name}" have ${describeData(data)}.`,
      { ...error.fields, task: name },
      { cause: error },
    );
  }
}

/** The private parameters as every client starts them: as they would be if they were shared. */
function privateStart({ model, algorithm }: PlanTask, data: DataSpec, seed: number): NamedTensors {
  const choose = algorithm.client?.privateParameters;
  if (choose === undefined) return new Map();
  const own = model.build(data.x.shape).parameters.filter(({ role }) => role !== 'frozen');
  const names = own.map(({ name }) => name);
  const chosen = new Set(choose(names));
  for (const name of chosen) if (!names.includes(name)) throw notPrivate(algorithm.name, name, names);
  const all = initializeParameters(model, data, RandomStream.of(seed, 'model'));
  return new Map([...all].filter(([name]) => chosen.has(name)));
}

function notPrivate(algorithm: string, name: string, names: readonly string[]): FedloomError {
  const text =
    `Algorithm ${algorithm}: privateParameters chose "${name}", which is no parameter of the model, or a frozen one. ` +
    `Choose among ${names.join(', ')}.`;
  return new FedloomError('algorithm.private', text, { algorithm, name });
}

function describeData({ x, y }: DataSpec): string {
  const target = y.classes === undefined ? `targets y ${y.dtype} [${y.shape.join(', ')}]` : `${y.classes} classes`;
  return `samples x ${x.dtype} [${x.shape.join(', ')}] and ${target}`;
}
