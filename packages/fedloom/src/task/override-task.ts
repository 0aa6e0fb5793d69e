import { FedloomError } from '@fedloom/engine';
import { didYouMean } from '../core/closest.js';
import { checkTask } from './check-task.js';
import { defineTask } from './define-task.js';
import type { PlanTask, PlanTaskDefinition, Task, TrainerTask } from './task.js';
import type { TrainerSetting } from './trainer.js';

type Setting = number | boolean | 'all';

/** What `overrideTask` can set in this task, as paths. */
export function settablePaths(task: Task): string[] {
  const algorithm = task.algorithm.with === undefined ? [] : Object.keys(task.algorithm.hyperparameters ?? {});
  const { optimizer } = task.kind === 'plan' ? task.training : { optimizer: undefined };
  const optimizerSettings = optimizer?.with === undefined ? [] : Object.keys(optimizer.hyperparameters ?? {});
  return [
    ...(task.kind === 'plan'
      ? ['training.localEpochs', 'training.batchSize', 'training.shuffle']
      : (task.trainer.settings ?? [])),
    ...optimizerSettings.map((name) => `training.optimizer.${name}`),
    ...algorithm.map((name) => `algorithm.${name}`),
  ];
}

/**
 * The task with one setting changed: what `--set training.batchSize=10` does.
 * @throws FedloomError `task.override` for an unknown path, listing what can be set; for a value that does not parse or is
 *   refused, it names the path. `task.definition` for what is no task.
 * @param text the value as it is typed
 */
export function overrideTask(task: Task, path: string, text: string): Task {
  checkTask(task);
  if (typeof text !== 'string') throw refused(task, path, String(text), "the value is given as a text, '10' for 10.");
  const paths = settablePaths(task);
  if (!paths.includes(path)) {
    const known = paths.length === 0 ? 'Nothing can be set in this task.' : `These can be set: ${paths.join(', ')}.`;
    throw refused(task, path, text, `there is no such setting.${didYouMean(path, paths)} ${known}`);
  }
  const ofTrainer = task.kind === 'trainer' && task.trainer.settings?.includes(path) ? task : undefined;
  const value = ofTrainer === undefined ? parse(text) : (parse(text) ?? text);
  if (value === undefined) throw refused(task, path, text, "the value must be a number, true, false or 'all'.");
  try {
    return ofTrainer === undefined ? apply(task, path, value as Setting) : withTrainer(ofTrainer, path, value);
  } catch (error) {
    if (!(error instanceof FedloomError)) throw error;
    throw refused(task, path, text, error.message, error);
  }
}

function apply(task: Task, path: string, value: Setting): Task {
  const setting = path.slice(path.lastIndexOf('.') + 1);
  if (path.startsWith('algorithm.')) {
    const algorithm = task.algorithm.with!({ [setting]: expectNumber(task, setting, value) });
    return task.kind === 'plan' ? remade(task, { algorithm }) : defineTask({ ...task, algorithm });
  }
  const plan = task as PlanTask;
  if (!path.startsWith('training.optimizer.')) {
    return remade(plan, { training: { ...plan.training, [setting]: value } });
  }
  const { optimizer } = plan.training;
  if (value === 'all' || typeof value !== typeof optimizer.hyperparameters![setting]) {
    const message = `the value must be a ${typeof optimizer.hyperparameters![setting]}.`;
    throw new FedloomError('optimizer.option', message, { option: setting, value });
  }
  return remade(plan, { training: { ...plan.training, optimizer: optimizer.with!({ [setting]: value }) } });
}

/** What came of the factory, and not of the task's author, is the new one's. */
function withTrainer(task: TrainerTask, path: string, value: TrainerSetting): Task {
  const { trainer: before, concurrent, resultAggregator, ...definition } = task;
  const trainer = before.with?.(path, value) ?? before;
  return defineTask({
    ...definition,
    trainer,
    ...(concurrent !== undefined && concurrent !== before.concurrent && { concurrent }),
    ...(resultAggregator !== undefined && resultAggregator !== before.resultAggregator && { resultAggregator }),
  });
}

function remade(task: PlanTask, changes: Partial<PlanTaskDefinition>): PlanTask {
  return defineTask({ ...task, ...changes });
}

function parse(text: string): Setting | undefined {
  if (text === 'true' || text === 'false') return text === 'true';
  if (text === 'all') return text;
  const value = text.trim() === '' ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : undefined;
}

function expectNumber({ algorithm: { name } }: Task, option: string, value: Setting): number {
  if (typeof value === 'number') return value;
  throw new FedloomError('algorithm.option', 'the value must be a number.', { algorithm: name, option, value });
}

function refused(task: Task, path: string, text: string, why: string, cause?: FedloomError): FedloomError {
  const message = `Task "${task.name}": cannot set ${path}=${text}: ${why}`;
  return new FedloomError('task.override', message, { path, value: text }, cause === undefined ? {} : { cause });
}
