import { compilePlan, type DataSpec, FedloomError, type TrainingPlan } from '@fedloom/engine';
import type { PlanTask } from './task.js';

const FITTING_CODES = ['layer.', 'loss.', 'graph.'];

/**
 * The task's training plan for data of this form. Equal tasks give equal bytes.
 * @throws FedloomError `task.model-data` when model, loss and data do not fit together: it names the layer and the shapes.
 */
export function compileTask(task: PlanTask, data: DataSpec): TrainingPlan {
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

function describeData({ x, y }: DataSpec): string {
  const target = y.classes === undefined ? `targets y ${y.dtype} [${y.shape.join(', ')}]` : `${y.classes} classes`;
  return `samples x ${x.dtype} [${x.shape.join(', ')}] and ${target}`;
}
