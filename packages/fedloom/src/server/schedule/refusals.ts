import { sessionOf } from './membership.js';
import type { CoordinatorState, EvaluationTag, Reason, UpdateTag } from './types.js';

/** `EvaluationState.status`. */
const NOT_ASKED = 0;
export const ASKED = 1;
export const RECORDED = 2;
export const MISSING = 3;

/** Why an update must not be folded, or null: it is the one its place waits for. */
export function refuseUpdate(state: CoordinatorState, tag: UpdateTag): Reason | null {
  const { session, client, round, attempt } = tag;
  const refuse = (code: string, why: string): Reason => ({
    code: `update.${code}`,
    message: `Update of client ${client} for round ${round} (attempt ${attempt}) was dropped: ${why}.`,
  });
  if (state.phase === 'finished') return { ...refuse('late', 'the run is over'), code: 'run.finished' };
  const place = roundOf(state, round);
  if (place === 'unknown') return refuse('unknown-round', describeProgress(state));
  if (place === 'past') return refuse('late', describeProgress(state));
  const member = state.training?.members.get(client);
  if (member === undefined) return refuse('not-in-cohort', 'the client was not chosen for this round');
  if (sessionOf(state.membership, client) !== session) {
    return refuse('wrong-session', 'the client belongs to another session, or to none; join before you send');
  }
  if (member.status === 'folded') return refuse('repeated', 'the client already counts in this round');
  if (member.status === 'dropped') return refuse('late', "the client's place in this round is lost or went to another");
  if (state.phase !== 'training') return refuse('late', describeProgress(state));
  // A place's attempts go to one client in a row, so every whole number between first and last is one of its own.
  const configured = Number.isInteger(attempt) && attempt >= member.firstAttempt && attempt <= member.lastAttempt;
  if (!configured) return refuse('unknown-attempt', `the client was configured with attempt ${member.lastAttempt}`);
  return null;
}

/** Why a client's evaluation must not be recorded, or null. */
export function refuseEvaluation(state: CoordinatorState, tag: EvaluationTag): Reason | null {
  const { session, client, round } = tag;
  const refuse = (code: string, why: string): Reason => ({
    code: `evaluation.${code}`,
    message: `Evaluation by client ${client} of round ${round} was dropped: ${why}.`,
  });
  if (state.phase === 'finished') return { ...refuse('late', 'the run is over'), code: 'run.finished' };
  const place = roundOf(state, round);
  if (place === 'unknown') return refuse('unknown-round', describeProgress(state));
  if (place === 'past') return refuse('late', describeProgress(state));
  const status = state.evaluation?.status[client] ?? NOT_ASKED;
  if (status === NOT_ASKED) return refuse('not-asked', 'the client was not asked');
  if (sessionOf(state.membership, client) !== session) {
    return refuse('wrong-session', 'the client belongs to another session, or to none; join before you send');
  }
  if (status === RECORDED) return refuse('repeated', 'its result is already recorded');
  if (status === MISSING) return refuse('late', 'the client failed, left, or missed the deadline');
  return null;
}

function roundOf(state: CoordinatorState, round: number): 'past' | 'current' | 'unknown' {
  if (!Number.isInteger(round) || round < state.options.firstRound || round > state.round) return 'unknown';
  if (round < state.round) return 'past';
  return state.phase === 'waiting' ? 'unknown' : 'current';
}

function describeProgress(state: CoordinatorState): string {
  return state.phase === 'waiting'
    ? 'no round has started yet'
    : `the server is ${state.phase} in round ${state.round}`;
}
