import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { FedloomError } from '@fedloom/engine';
import { openPool, type PoolSettings } from '../../compute/node/pool-choice.js';
import { taskChangedError } from '../../journal/errors.js';
import { folderSource } from '../../journal/node/folder-source.js';
import type { Recovered } from '../../journal/recover.js';
import { readRecorded, replay } from '../../simulation/replay.js';
import { findRun, type StoredRun } from '../../store/read-runs.js';
import { conductRun } from '../conduct-run.js';
import { loadTaskWith } from '../load-settings.js';
import { replaySettings, type Typed } from '../replay-settings.js';
import { counted } from '../report/format.js';
import { withModelFile } from '../run-settings.js';
import { changesOf, type TaskFiles } from '../task-files.js';
import type { LoadedTask } from '../task-loader.js';
import { openTerminal } from '../terminal.js';

export interface ReplayArguments {
  /** The run's name, a part of it, its folder, or `latest`. */
  readonly id: string;
  /** Absent: the run's own. */
  readonly taskFile: string | undefined;
  /** CLIENTS, PER_ROUND, ROUNDS. */
  readonly positional: readonly (number | undefined)[];
  readonly typed: Typed;
  readonly pool: PoolSettings | undefined;
}

/** `run --replay`: does a run again by the decisions in its journal, and says whether all came out equal. */
export async function replayRun({ id, taskFile, positional, typed, pool }: ReplayArguments): Promise<number> {
  const found = await findRun(String(typed.out), id);
  const { file } = found;
  if (file.arguments.replayOf !== undefined) throw replayOfReplay(found, file.arguments.replayOf);
  const journal = folderSource(join(found.path, 'journal'));
  const recorded = await readRecorded(journal);
  const settings = await withModelFile(replaySettings(found, positional, typed, recorded.decided.length));
  const terminal = await openTerminal(settings.json, { format: settings.logFormat, owner: { role: 'run', rank: 0 } });
  const { workers = availableParallelism() } = settings;
  const ahead = openPool(pool, workers);
  try {
    const loaded = await loadTaskWith(taskFile ?? file.taskFile, settings);
    if (loaded.task.kind !== 'plan') void ahead.close();
    if (taskFile === undefined) checkUnchanged(loaded, recorded, file.taskFiles);
    // A file that was named may be another, as long as its plan and algorithm are those of the run.
    const isOther = taskFile !== undefined && loaded.hash !== recorded.run.task.hash;
    return await conductRun({
      terminal,
      loaded,
      settings,
      command: 'run',
      otherArguments: {},
      replayOf: { run: file.run, conclusion: conclusionOf(recorded, file.run, file.arguments.rounds) },
      start: async ({ stages, run, initialModel, checkpoint, signal }, task) => {
        const started = await replay(task, {
          ...{ journal, workers, pool: () => ahead },
          ...{ ...(stages && { stages }), ...(run && { run }), ...(initialModel && { initialModel }) },
          ...{ ...(checkpoint && { checkpoint }), ...(signal && { signal }) },
        });
        const notes = [
          `Replay of ${file.run}.`,
          ...(isOther ? ['The task file is not the one that the run was begun with.'] : []),
        ];
        return { run: started, result: started.result, notes };
      },
    });
  } finally {
    await ahead.close();
  }
}

/** @throws FedloomError `journal.task-changed`, naming the files that differ */
function checkUnchanged({ task, hash, files }: LoadedTask, { run }: Recovered, begun: TaskFiles = {}): void {
  if (hash === run.task.hash) return;
  const changes = changesOf(begun, files);
  throw taskChangedError({ what: 'task', name: task.name, begun: run.task.hash, now: hash, changes });
}

function conclusionOf({ decided, finished }: Recovered, run: string, rounds: number): string {
  const all = counted(decided.length, 'round');
  if (finished !== undefined) return `Equal to ${run}, to the bit: the model, and the metrics of ${all}.`;
  return `Equal to ${run}, to the bit, as far as its journal goes: ${decided.length} of ${counted(rounds, 'round')}.`;
}

function replayOfReplay({ file }: StoredRun, of: string): FedloomError {
  return new FedloomError(
    'replay.of-replay',
    `The run ${file.run} is itself a replay, and keeps no journal. Replay what it is of: npx fedloom run --replay ${of}`,
    { run: file.run, of },
  );
}
