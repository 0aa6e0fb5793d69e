/** The evaluation after a round: on all clients that are there, and on the server, side by side. */
import type { IndexRange } from '../../protocol/messages.js';
import { presentRanges } from './membership.js';
import type { Output } from './output.js';
import { appendIndex, describeRanges } from './ranges.js';
import { ASKED, MISSING, RECORDED, refuseEvaluation } from './refusals.js';
import type { CoordinatorState, EvaluationOutcome, EvaluationState, EvaluationTag, Reason } from './types.js';

const FAILURES_MAX = 3;

export function isEvaluationRound({ options, round }: CoordinatorState): boolean {
  const { rounds, evaluateEvery, evaluateOnClients, evaluateOnServer } = options;
  if (!evaluateOnClients && !evaluateOnServer) return false;
  return round === rounds - 1 || (evaluateEvery > 0 && round % evaluateEvery === 0);
}

export function startEvaluation(state: CoordinatorState, output: Output): EvaluationState {
  const { clients, evaluateOnClients, evaluateOnServer, evaluationDeadlineMs } = state.options;
  const { round, membership } = state;
  const evaluation: EvaluationState = {
    status: new Uint8Array(clients),
    pending: 0,
    recorded: 0,
    serverPending: evaluateOnServer,
    timer: null,
    failures: [],
  };
  state.phase = 'evaluating';
  state.evaluation = evaluation;
  if (evaluateOnClients) {
    for (const [session, ranges] of presentRanges(membership)) {
      output.push({ type: 'requestEvaluation', session, round, ranges });
      for (const { from, count } of ranges) evaluation.status.fill(ASKED, from, from + count);
    }
    evaluation.pending = membership.present;
    if (evaluation.pending === 0) output.warn('evaluation.nobody', `No client is there to evaluate round ${round}.`);
  }
  if (evaluateOnServer) output.push({ type: 'evaluateOnServer', round });
  if (evaluation.pending > 0 && evaluationDeadlineMs !== null) {
    evaluation.timer = `evaluate:${round}`;
    output.push({ type: 'setTimer', timer: evaluation.timer, delayMs: evaluationDeadlineMs });
  }
  return evaluation;
}

export function evaluationReceived(state: CoordinatorState, tag: EvaluationTag, output: Output): void {
  const { session, round, client } = tag;
  const refusal = refuseEvaluation(state, tag);
  if (refusal !== null) {
    output.push({ type: 'discardEvaluation', session, round, client, ...refusal });
    return;
  }
  const evaluation = state.evaluation as EvaluationState;
  evaluation.status[client] = RECORDED;
  evaluation.recorded += 1;
  evaluation.pending -= 1;
  output.push({ type: 'recordEvaluation', session, round, client });
}

export function evaluationFailed(state: CoordinatorState, event: EvaluationTag & Reason): void {
  if (refuseEvaluation(state, event) !== null) return;
  const evaluation = state.evaluation as EvaluationState;
  if (evaluation.failures.length < FAILURES_MAX) evaluation.failures.push(`client ${event.client}: ${event.message}`);
  evaluatorLost(evaluation, event.client);
}

/** A client failed or left. It is not asked again in this round. */
export function evaluatorLost(evaluation: EvaluationState, client: number): void {
  if (evaluation.status[client] !== ASKED) return;
  evaluation.status[client] = MISSING;
  evaluation.pending -= 1;
}

/** The clients' time is over. The server's own evaluation is awaited: nobody else can hold it up. */
export function evaluationDeadline(evaluation: EvaluationState): void {
  evaluation.timer = null;
  evaluation.pending = 0;
  const { status } = evaluation;
  for (let client = 0; client < status.length; client++) if (status[client] === ASKED) status[client] = MISSING;
}

/** Ends the evaluation if nobody is awaited any more; null: somebody is. */
export function concludeEvaluation(state: CoordinatorState, output: Output): EvaluationOutcome | null {
  const evaluation = state.evaluation as EvaluationState;
  if (evaluation.pending > 0) return null;
  if (evaluation.timer !== null) {
    output.push({ type: 'clearTimer', timer: evaluation.timer });
    evaluation.timer = null;
  }
  if (evaluation.serverPending) return null;
  const missing = missingRanges(evaluation);
  if (missing.length > 0) {
    const failures = evaluation.failures.map((failure) => `; ${failure}`).join('');
    const message = `Evaluation of round ${state.round} lacks clients ${describeRanges(missing)}${failures}.`;
    output.warn('evaluation.missing', message);
  }
  state.evaluation = null;
  return { clients: evaluation.recorded, missing };
}

function missingRanges({ status }: EvaluationState): IndexRange[] {
  const missing: IndexRange[] = [];
  for (const [client, value] of status.entries()) {
    if (value === MISSING) appendIndex(missing, client);
  }
  return missing;
}
