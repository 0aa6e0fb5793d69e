import { FedloomError } from '@fedloom/engine';
import { pythonTrainer } from '../python/python-trainer.js';
import type { ArgumentValue } from '../python/requests.js';
import { defineTask } from '../task/define-task.js';
import type { Task } from '../task/task.js';

const LANGUAGE = 'python:';
const ARGUMENT = 'args.';

/** What stands on the command line of a client that has no task file. */
export interface PythonTaskFlags {
  readonly trainer?: string;
  readonly model?: string;
  readonly trainPath?: string;
  readonly testPath?: string;
  /** `args.<name>=<value>` */
  readonly set?: readonly string[];
}

/** A task of the command line alone: training code in Python. @throws FedloomError `usage.trainer`, `python.option` */
export function pythonTask({ trainer = '', model, trainPath, testPath, set = [] }: PythonTaskFlags): Task {
  if (!trainer.startsWith(LANGUAGE)) {
    const message = `--trainer must be python:FILE:CLASS, such as python:f.py:MyTrainer, but is "${trainer}".`;
    throw new FedloomError('usage.trainer', message);
  }
  return defineTask({
    name: 'python',
    trainer: pythonTrainer({
      trainer: trainer.slice(LANGUAGE.length),
      ...(model !== undefined && { model }),
      ...(trainPath !== undefined && { trainPath }),
      ...(testPath !== undefined && { testPath }),
      args: Object.fromEntries(set.map(argument)),
    }),
  });
}

function argument(setting: string): [name: string, value: ArgumentValue] {
  const at = setting.indexOf('=');
  const [path, text] = [setting.slice(0, at), setting.slice(at + 1)];
  if (!path.startsWith(ARGUMENT)) {
    throw new FedloomError(
      'usage.trainer',
      `Without a task file --set changes arguments alone: args.NAME=VALUE, not "${setting}".`,
    );
  }
  const number = text.trim() === '' ? Number.NaN : Number(text);
  const value = text === 'true' ? true : text === 'false' ? false : Number.isFinite(number) ? number : text;
  return [path.slice(ARGUMENT.length), value];
}
