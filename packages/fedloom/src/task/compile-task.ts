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
  checkSpec(data, task.data.name);
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
    if (!(error instanceof FedloomError) || !isMisfit(error)) throw error;
    throw new FedloomError(
      'task.model-data',
      `Task "${name}": model and data do not fit. ${error.message.replace(/(?<![.!])$/, '.')} The data "${task.data.name}" have ${describeData(data)}.`,
      { ...error.fields, task: name },
      { cause: error },
    );
  }
}

/** What is wrong with a part of somebody's own has nothing to do with the data. */
function isMisfit({ code }: FedloomError): boolean {
  return FITTING_CODES.some((area) => code.startsWith(area)) && !code.endsWith('.definition') && code !== 'graph.value';
}

/** What a data set of somebody's own says. */
function checkSpec(data: Partial<DataSpec> | undefined, name: string): void {
  const fits = (part: { readonly dtype?: unknown; readonly shape?: unknown } | undefined) =>
    typeof part?.dtype === 'string' && Array.isArray(part.shape);
  if (fits(data?.x) && fits(data?.y)) return;
  const wanted = "{ x: { dtype: 'float32', shape: [4] }, y: { dtype: 'int32', shape: [], classes: 3 } }";
  const message = `The data "${name}": spec() must give the form of one sample, such as ${wanted}.`;
  throw new FedloomError('data.shape', message, { where: name });
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
