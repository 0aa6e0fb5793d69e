import { initialState } from './coordinator.js';
import { takeUpFold } from './folds.js';
import type { CoordinatorOptions, CoordinatorState } from './schedule.js';
import type { LastSettlement, ResumePoint } from './state.js';
import type { RoundDecision } from './types.js';

/** @param decisions all that were written down, in order */
export function resumePoint(decisions: Iterable<RoundDecision>): ResumePoint {
  const settled = new Map<number, LastSettlement>();
  const tasks = new Map<number, number>();
  const asked = (client: number, task: number) => tasks.set(client, Math.max(tasks.get(client) ?? 0, task + 1));
  let last: RoundDecision | undefined;
  let voidInARow = 0;
  for (const decision of decisions) {
    for (const { client, task, attempt, message } of decision.uncounted) {
      if (attempt === null) continue;
      settled.set(client, { task, attempt, counted: false, reason: message });
      asked(client, task);
    }
    for (const { client, task, attempt } of decision.counted) {
      settled.set(client, { task, attempt, counted: true });
      asked(client, task);
    }
    for (const { client, task } of decision.ongoing) asked(client, task);
    voidInARow = decision.voided === null ? 0 : voidInARow + 1;
    last = decision;
  }
  const { round = -1, ongoing = [], position = 0 } = last ?? {};
  return { firstRound: round + 1, settled, tasks, ongoing, position, voidInARow };
}

/**
 * A coordinator that waits for its clients, to go on with a run.
 * @param options as those of the run; `firstAttempt` is more than any attempt that was given out before
 * @throws FedloomError `coordinator.options`
 */
export function resumeState(options: CoordinatorOptions, point: ResumePoint): CoordinatorState {
  const state = initialState({ ...options, firstRound: point.firstRound });
  if (point.unrecorded !== undefined) takeUpFold(state, point.unrecorded);
  for (const [client, settlement] of point.settled) state.owed.set(client, [settlement]);
  state.voidInARow = point.voidInARow;
  state.options.schedule.resume(state, point);
  return state;
}
