import { type ClientIndex, nextVersion, type VersionNumber, versionNumber } from '../../core/brands.js';
import { initialState } from './coordinator.js';
import { takeUpFold } from './folds.js';
import { notCounted } from './output.js';
import type { CoordinatorOptions, CoordinatorState } from './schedule.js';
import type { LastSettlement, ResumePoint } from './state.js';
import { barredEvaluators, bookDecision } from './trust.js';
import type { Ongoing, RoundDecision } from './types.js';

/** What a decision must keep on the disk for the run to go on from it. */
export type WrittenDecision = Pick<
  RoundDecision,
  'round' | 'counted' | 'uncounted' | 'started' | 'position' | 'voided' | 'voidUpdates'
>;

/** @param decisions all that were written down, in order */
export function resumePoint(decisions: readonly WrittenDecision[]): ResumePoint {
  const settled = new Map<ClientIndex, readonly LastSettlement[]>();
  const tasks = new Map<ClientIndex, number>();
  const ongoing = new Map<ClientIndex, Ongoing>();
  let last: WrittenDecision | undefined;
  let version: VersionNumber | undefined;
  let voidInARow = 0;
  for (const decision of decisions) {
    const ended = (client: ClientIndex, settlement: LastSettlement) => {
      const { task } = settlement;
      const before = settlement.counted ? [] : (settled.get(client) ?? []).filter(({ counted }) => counted);
      settled.set(client, [...before, settlement]);
      if (ongoing.get(client)?.task === task) ongoing.delete(client);
      tasks.set(client, Math.max(tasks.get(client) ?? 0, task + 1));
    };
    for (const { client, task, attempt, code, message } of decision.uncounted) {
      if (attempt !== null) ended(client, { task, attempt, ...notCounted({ code, message }) });
    }
    for (const { client, task, attempt } of decision.counted) ended(client, { task, attempt, counted: true });
    for (const one of decision.started) {
      ongoing.set(one.client, one);
      tasks.set(one.client, one.task + 1);
    }
    version ??= versionNumber(decision.round);
    if (decision.voided === null) version = nextVersion(version);
    voidInARow = decision.voided === null ? 0 : voidInARow + 1;
    last = decision;
  }
  return {
    firstRound: (last?.round ?? -1) + 1,
    version: version ?? versionNumber(0),
    settled,
    tasks,
    ongoing: [...ongoing.values()].sort((a, b) => a.client - b.client),
    position: last?.position ?? 0,
    voidInARow,
    decisions,
  };
}

/**
 * A coordinator that waits for its clients, to go on with a run.
 * @param options as those of the run; `firstAttempt` is more than any attempt that was given out before
 * @throws FedloomError `coordinator.options`
 */
export function resumeState(options: CoordinatorOptions, point: ResumePoint): CoordinatorState {
  const state = initialState({ ...options, firstRound: point.firstRound });
  for (const [client, settlements] of point.settled) state.owed.set(client, [...settlements]);
  state.version = point.version;
  state.voidInARow = point.voidInARow;
  const { unrecorded } = point;
  for (const decision of point.decisions) {
    if (decision.round === unrecorded?.round) takeUpFold(state, unrecorded, barredEvaluators(state.trust, decision));
    bookDecision(state.trust, decision, state.options);
  }
  state.options.schedule.resume(state, point);
  return state;
}
