import { isFedloomError } from '@fedloom/engine';
import type { RunResult } from '../../../packages/fedloom/dist/core/records.js';
import { replay } from '../../../packages/fedloom/dist/simulation/replay.js';
import type { TrainerTask } from '../../../packages/fedloom/dist/task/task.js';

const PATIENCE_MS = 30_000;

/**
 * Does the run again by the decisions in its journal, with the product's own `replay`: whatever others sent, its models are
 * those of honest clients that decided so.
 * @param log the journal's, as it lies there in the end
 * @param told what the run came to
 * @param lies some clients have told results that are none
 * @returns what is wrong; undefined: nothing
 */
export async function replayProblem(
  task: TrainerTask,
  log: Uint8Array,
  told: RunResult,
  lies: boolean,
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
    if (rounds !== told.rounds) return `a replay has ${rounds} rounds, the run had ${told.rounds}`;
    return modelHash === told.modelHash
      ? undefined
      : `a replay comes to ${modelHash}, the run came to ${told.modelHash}`;
  } catch (error) {
    // Results are what clients say they are; models are equal then.
    if (lies && isFedloomError(error, 'replay.differs') && error.fields.field !== undefined) return undefined;
    return `it cannot be replayed: ${error instanceof Error ? error.message : error}`;
  } finally {
    clearTimeout(patience);
  }
}
