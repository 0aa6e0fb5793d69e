import { sessionOf } from './membership.js';
import type { EvaluationRefusal, UpdateRefusal } from './reason-codes.js';
import type { CoordinatorState } from './schedule.js';
import type { EvaluationTag, Reason, UpdateTag } from './types.js';

/** `EvaluationState.status`. */
export const NOT_ASKED = 0;
export const ASKED = 1;
export const RECORDED = 2;
/** It failed, or its time was over. */
export const MISSING = 3;
/** It left before it answered, and is asked again if it comes back in time. */
export const AWAY = 4;

/** Why an update must not be folded, or null: it is one that the schedule waits for. */
export function refuseUpdate(state: CoordinatorState, tag: UpdateTag): Reason | null {
  if (state.phase !== 'finished') return state.options.schedule.refuse(state, tag);
  return updateRefusal(state, tag, 'run.finished', 'the run is over');
}

/** Why this update is dropped. */
export function updateRefusal({ options }: CoordinatorState, tag: UpdateTag, code: UpdateRefusal, why: string): Reason {
  const { client, task, attempt } = tag;
  const what = `${options.schedule.taskNoun} ${task + 1}`;
  return { code, message: `Update of client ${client} for ${what} (attempt ${attempt}) was dropped: ${why}.` };
}

/** An update counts on any session of its client, whichever it was asked on; but only there. */
export function refuseSession(state: CoordinatorState, tag: UpdateTag): Reason | null {
  if (sessionOf(state.membership, tag.client) === tag.session) return null;
  const why = 'the client belongs to another session, or to none; join before you send';
  return updateRefusal(state, tag, 'update.wrong-session', why);
}

/** Why a client's evaluation must not be recorded, or null. */
export function refuseEvaluation(state: CoordinatorState, tag: EvaluationTag): Reason | null {
  const { session, client, round } = tag;
  const { evaluation } = state;
  const refuse = (code: EvaluationRefusal, why: string): Reason => ({
    code,
    message: `Evaluation by client ${client} of round ${round + 1} was dropped: ${why}.`,
  });
  if (state.phase === 'finished') return refuse('run.finished', 'the run is over');
  if (round !== evaluation?.round) {
    if (!Number.isInteger(round) || round < state.options.firstRound || round > state.round) {
      return refuse('evaluation.unknown-round', describeProgress(state));
    }
    return round < firstUndecided(state)
      ? refuse('evaluation.late', describeProgress(state))
      : refuse('evaluation.not-asked', 'nobody was asked yet');
  }
  const status = evaluation.status[client] ?? NOT_ASKED;
  if (status === NOT_ASKED) return refuse('evaluation.not-asked', 'the client was not asked');
  if (sessionOf(state.membership, client) !== session) {
    return refuse(
      'evaluation.wrong-session',
      'the client belongs to another session, or to none; join before you send',
    );
  }
  if (status === RECORDED) return refuse('evaluation.repeated', 'its result is already recorded');
  if (status === MISSING || status === AWAY) {
    return refuse('evaluation.late', 'the client failed, left, or missed the deadline');
  }
  return null;
}

/** The first round of which it is not decided yet what it makes. */
function firstUndecided({ round, folds: [fold] }: CoordinatorState): number {
  if (fold === undefined) return round;
  const decided = fold.stage === 'persisting' || fold.stage === 'persisted';
  return decided ? fold.decision.round + 1 : fold.decision.round;
}

/** `the server is training in round 2`. */
export function describeProgress(state: CoordinatorState): string {
  if (state.phase === 'waiting') return 'no round has started yet';
  const fold = state.folds[0];
  const closed = fold !== undefined && fold.decision.round === state.round;
  const doing = { waiting: 'training', aggregating: 'aggregating', evaluating: 'evaluating' } as const;
  const stage = closed && (fold.stage === 'persisting' || fold.stage === 'persisted') ? 'finishing' : undefined;
  const words = stage ?? (closed ? doing[fold.stage as keyof typeof doing] : 'training');
  return `the server is ${words} in round ${state.round + 1}`;
}
