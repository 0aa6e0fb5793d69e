import { replay } from '../../../packages/fedloom/dist/simulation/replay.js';
import type { TrainerTask } from '../../../packages/fedloom/dist/task/task.js';
import type { Scenario } from './scenario.js';

const PATIENCE_MS = 30_000;

/**
 * Does the run again by the decisions in its journal, with the product's own `replay`: whatever others sent, its models are
 * those of honest clients that decided so.
 * @param log the journal's, as it lies there in the end
 * @returns what is wrong; undefined: nothing
 */
export async function replayProblem(
  scenario: Scenario,
  task: TrainerTask,
  log: Uint8Array,
  hash: string,
): Promise<string | undefined> {
  let patience: NodeJS.Timeout | undefined;
  // A replay runs on the machine's own time: one that comes to no end is told from one that is slow by this alone.
  const never = new Promise<undefined>((resolve) => {
    patience = setTimeout(resolve, PATIENCE_MS, undefined);
  });
  try {
    const run = await replay(task, { journal: { place: 'disk', readLog: async () => log.slice() } });
    const result = await Promise.race([run.result, never]);
    if (result === undefined) return 'a replay does not end';
    const { modelHash, rounds } = result;
    if (rounds !== scenario.rounds) return `a replay has ${rounds} rounds`;
    return modelHash === hash ? undefined : `a replay comes to ${modelHash}, the run came to ${hash}`;
  } catch (error) {
    return `it cannot be replayed: ${error instanceof Error ? error.message : error}`;
  } finally {
    clearTimeout(patience);
  }
}
