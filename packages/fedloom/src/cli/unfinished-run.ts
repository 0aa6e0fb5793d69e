import { resolve } from 'node:path';
import { listRuns, type StoredRun } from '../store/read-runs.js';
import { findTaskFile } from './find-task-file.js';
import { type RunSettings, settingsOf } from './run-settings.js';

/**
 * The latest served run of a task with these settings, if it did not finish; undefined where it did, or there is none. Whether
 * its task file is still the same is for whoever takes it up to say.
 */
export async function unfinishedRun(
  path: string,
  settings: RunSettings,
  command: 'server' | 'node' = 'server',
): Promise<StoredRun | undefined> {
  const taskFile = findTaskFile(path);
  const same = ({ file }: StoredRun) =>
    file.arguments.command === command &&
    file.taskFile === taskFile &&
    key(settingsOf(file, { out: settings.out })) === key(settings);
  const latest = (await listRuns(settings.out)).filter(same).at(-1);
  return latest?.status === 'completed' ? undefined : latest;
}

/** All that a run's result depends on. */
function key(settings: RunSettings): string {
  const { clients, clientsPerRound, rounds, evaluateEvery, seed, set, algorithm, fold, stages, init } = settings;
  const { keepBest = null, stopWhen = null, patience = null, trust } = settings;
  const size = [clients, clientsPerRound, rounds, evaluateEvery, seed];
  return JSON.stringify([
    ...size,
    set,
    algorithm,
    fold,
    stages,
    init === undefined ? null : resolve(init),
    keepBest,
    stopWhen,
    patience,
    trust,
  ]);
}
