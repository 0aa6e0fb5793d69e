import type { Recovered } from '../../journal/recover.js';
import type { RecordedFold } from '../schedule/recorded-course.js';
import { type ReplaySchedule, replay } from '../schedule/replay.js';
import { ReplayCheck } from './replay-check.js';

/** What makes a run the replay of another. */
export interface ReplayedRun {
  readonly schedule: ReplaySchedule;
  readonly check: ReplayCheck;
  /** Rounds that were void for updates out of all proportion. */
  readonly outlierRounds: ReadonlySet<number>;
}

/** @throws FedloomError `replay.decisions` */
export function replayedRun(recorded: Recovered, clients: number): ReplayedRun {
  const folds = recorded.decided.map(({ round, outcome, counted, voidUpdates }): RecordedFold => {
    const isVoid = outcome === 'void';
    const evaluators = recorded.evaluators.get(round);
    return { updates: isVoid ? voidUpdates : counted, isVoid, ...(evaluators && { evaluators }) };
  });
  const outlierRounds = new Set(
    recorded.decided.filter(({ reason }) => reason?.code === 'aggregate.outliers').map(({ round }) => round),
  );
  return { schedule: replay(folds, clients), check: new ReplayCheck(recorded), outlierRounds };
}
