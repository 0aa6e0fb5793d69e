import { FedloomError } from '@fedloom/engine';
import { checkPool } from '../compute/node/pool-choice.js';
import { SOFTWARE } from '../core/version.js';
import { noJournalError, softwareChangedError, taskChangedError } from '../journal/errors.js';
import { readDecisions } from '../journal/read-journal.js';
import type { Recovered } from '../journal/recover.js';
import type { JournalSource } from '../journal/storage.js';
import { recordedOptions } from '../server/run/recorded-options.js';
import { replayedRun } from '../server/run/replayed-run.js';
import { Run } from '../server/run/run.js';
import { checkRunOptions } from '../server/run/run-options.js';
import { checkTask } from '../task/check-task.js';
import type { Task } from '../task/task.js';
import { withDataNeededHere } from './own-data.js';
import { type SimulateOptions, simulateHere, simulateOptions } from './simulate.js';

/** Settings of the run that are given all the same must be those that it had. */
export interface ReplayOptions extends Partial<Omit<SimulateOptions, 'journal'>> {
  /** Of the run: `folderSource(folder)`, or the storage that it was written to. It is only read. */
  readonly journal: JournalSource;
  /** SHA-256 of what the task was loaded from, where it must be that of the run. Default: only its plan and algorithm must. */
  readonly taskHash?: string;
}

/**
 * Does a run again on this machine, simulated or served, finished or not, by the decisions in its journal: who trained what from
 * which version, and what counted where. Model and metrics of each round must come out equal, to the bit on one kind of
 * processor and one build of ONNX Runtime; the result rejects with the first round that differs. A task must have the data of
 * all clients here, and clients must have kept their private state. Nothing is written.
 *
 * @example const run = await replay(task, { journal: folderSource('runs/<id>/journal') });
 * @returns the replay under way; its rounds are those that the journal holds, and the last of them is evaluated in any case
 * @throws FedloomError `task.definition`, `run.options`, `journal.none`, `journal.version`, `journal.corrupt`,
 *   `journal.task-changed`, `store.*`; `replay.nothing`: no round was decided; `replay.contradicts`: an option is not that of the run; `replay.decisions`.
 *   Through `result`: `replay.differs`, `replay.initial-model`, `replay.no-data`,
 *   `replay.client-failed`, and as `simulate`
 */
export async function replay(task: Task, options: ReplayOptions): Promise<Run> {
  checkTask(task);
  if (typeof (options as Partial<ReplayOptions> | undefined)?.journal?.readLog !== 'function') {
    const issue = "journal is missing; it must be that of the run, such as folderSource('runs/<id>/journal')";
    throw new FedloomError('run.options', `These options of the replay are not right: ${issue}.`, { issues: [issue] });
  }
  const { journal, taskHash, ...given } = options;
  checkPool(given.pool);
  const recorded = await readRecorded(journal);
  const { run } = recorded;
  if (taskHash !== undefined && taskHash !== run.task.hash) {
    throw taskChangedError({ what: 'task', name: task.name, begun: run.task.hash, now: taskHash });
  }
  const made = recordedOptions(run, given);
  const all = { ...given, ...made, rounds: recorded.decided.length };
  checkRunOptions(all, simulateOptions);
  const replayed = replayedRun(recorded, all.clients);
  const own = withDataNeededHere(task, run.run);
  return new Run((events, signal) => simulateHere(own, all, { events, signal, replayed }), given.signal);
}

/**
 * The run in a journal that can be replayed.
 * @throws FedloomError `journal.none`, `journal.version`, `journal.corrupt`, `replay.nothing`, `store.*`
 */
export async function readRecorded(journal: JournalSource): Promise<Recovered> {
  const recovered = await readDecisions(journal);
  if (recovered === undefined) throw noJournalError(journal.place, 'replayed');
  const { run, versions } = recovered.run;
  if (versions.fedloom !== SOFTWARE) throw softwareChangedError(run, versions.fedloom, SOFTWARE);
  if (recovered.decided.length > 0) return recovered;
  const message = `The run ${run} ended before its first round was decided: there is nothing to replay. Resume it, or start it again.`;
  throw new FedloomError('replay.nothing', message, { run });
}
