import { join } from 'node:path';
import type { Hash } from '../core/brands.js';
import { sha256 } from '../core/node/sha256.js';
import type { RunResult } from '../core/records.js';
import { SOFTWARE, VERSION } from '../core/version.js';
import { finishedError, noJournalError, softwareChangedError, taskChangedError } from '../journal/errors.js';
import { folderStorage } from '../journal/node/folder-storage.js';
import { checkResumable, readJournal } from '../journal/read-journal.js';
import type { Recovered } from '../journal/recover.js';
import type { JournalStorage } from '../journal/storage.js';
import { finishedResult } from '../server/run/finished-run.js';
import type { JournalOptions } from '../server/run/journal-options.js';
import { runIn, type StoredRun } from '../store/read-runs.js';
import { type RunDescription, RunFolder } from '../store/run-folder.js';
import { changesOf } from './task-files.js';
import type { LoadedTask } from './task-loader.js';

/** Where a run is written down: its folder, and in it the journal, by whose lock this process holds both. */
export interface RunPlace {
  readonly folder: RunFolder;
  /** Absent: a replay keeps none. */
  readonly journal?: JournalOptions;
  /** The model that the run begins with is on the disk. */
  readonly hasModel: boolean;
  /** Rounds that earlier processes finished; undefined where there were none. */
  readonly roundsBefore?: number;
  /** All rounds were done when the earlier process ended: only its folder does not say so. */
  readonly finished?: RunResult;
  /** Lets go of it when the run's end is written. */
  close(): Promise<void>;
}

/**
 * Makes the folder of a new run.
 * @throws FedloomError `store.*`
 */
export async function beginRun(root: string, description: RunDescription & { taskHash: Hash }): Promise<RunPlace> {
  const folder = await RunFolder.create(root, description);
  try {
    const storage = await folderStorage(journalIn(folder.path));
    return { folder, hasModel: false, ...heldJournal(storage, { mode: 'begin', taskHash: description.taskHash }) };
  } catch (error) {
    await folder.discard();
    throw error;
  }
}

/**
 * Makes the folder of a replay, which keeps no journal: it can be done again from that of its run.
 * @throws FedloomError `store.*`
 */
export async function beginReplay(root: string, description: RunDescription): Promise<RunPlace> {
  return { folder: await RunFolder.create(root, description), hasModel: false, close: async () => {} };
}

/**
 * Takes up a run that did not finish, whatever ended its process.
 * @param now the task's files as they are now
 * @throws FedloomError `journal.finished`, `journal.version`, `journal.task-changed`, `journal.none`, `journal.locked`,
 *   `journal.corrupt`, `store.*`; then the folder is as it was
 */
export async function takeUpRun(run: StoredRun, now: Pick<LoadedTask, 'hash' | 'files'>): Promise<RunPlace> {
  checkFile(run, now);
  const { hash: taskHash } = now;
  const storage = await folderStorage(journalIn(run.path));
  try {
    // Again, by what it says now that nobody else may write it.
    const { file } = checkFile((await runIn(run.path)) ?? run, now);
    const { recovered, readBlob } = await readJournal(storage, sha256);
    const finished = recovered && (await finishedResult(recovered, readBlob));
    const alsoFinished = finished !== undefined;
    if (recovered !== undefined) {
      const planHash = recovered.run.plan?.hash ?? null;
      checkResumable(recovered, { taskHash, planHash, software: SOFTWARE, alsoFinished });
    }
    const records = recordsOf(recovered);
    return {
      folder: await RunFolder.resume(run.path, file, records, recovered?.rounds ?? 0),
      hasModel: (recovered?.versions.length ?? 0) > 0,
      roundsBefore: records.length,
      ...(finished && { finished }),
      ...heldJournal(storage, { mode: 'resume-or-begin', taskHash, alsoFinished }),
    };
  } catch (error) {
    await storage.close();
    throw error;
  }
}

/** What a run's own file says against going on. */
function checkFile(run: StoredRun, { hash, files }: Pick<LoadedTask, 'hash' | 'files'>): StoredRun {
  const { run: id, status, result, versions, taskHash: begun, taskFiles = {}, task } = run.file;
  if (status === 'completed') throw finishedError(id, result?.rounds ?? 0, result?.modelHash ?? 'that it shows');
  if (begun === undefined) throw noJournalError(run.path);
  if (versions.fedloom !== VERSION) throw softwareChangedError(id, `fedloom/${versions.fedloom}`, SOFTWARE);
  if (begun !== hash) {
    throw taskChangedError({ what: 'task', name: task.name, begun, now: hash, changes: changesOf(taskFiles, files) });
  }
  return run;
}

function recordsOf(recovered: Recovered | undefined) {
  if (recovered === undefined) return [];
  return [...recovered.reports.values()].filter(({ round }) => round < recovered.rounds);
}

function journalIn(path: string): string {
  return join(path, 'journal');
}

/** A run lets go of its journal before its end is recorded: it is held until then. */
function heldJournal(storage: JournalStorage, options: Omit<JournalOptions, 'storage'>) {
  const held: JournalStorage = {
    place: storage.place,
    readLog: () => storage.readLog(),
    cutLog: (bytes) => storage.cutLog(bytes),
    append: (bytes) => storage.append(bytes),
    replaceLog: (bytes) => storage.replaceLog(bytes),
    put: (name, bytes) => storage.put(name, bytes),
    get: (name) => storage.get(name),
    list: () => storage.list(),
    delete: (name) => storage.delete(name),
    close: async () => {},
  };
  return { journal: { storage: held, ...options }, close: () => storage.close() };
}
