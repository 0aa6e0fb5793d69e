/** The evaluation of a round's model on all clients that are there. */
import { type ClientIndex, knownClient } from '../../core/brands.js';
import type { IndexRange } from '../../protocol/messages.js';
import { clientsOf, presentRanges } from './membership.js';
import type { Output } from './output.js';
import { appendIndex, commonRanges, describeClients, describeRanges, withoutClients } from './ranges.js';
import { ASKED, AWAY, MISSING, NOT_ASKED, RECORDED, refuseEvaluation } from './refusals.js';
import type { CoordinatorState, ResolvedOptions } from './schedule.js';
import type { EvaluationState } from './state.js';
import { skipsAfter } from './trust.js';
import type { EvaluationOutcome, EvaluationTag, Reason } from './types.js';

/** So many different reasons are told. */
const REASONS_MAX = 3;

export function isEvaluationRound(options: ResolvedOptions, round: number): boolean {
  const { rounds, evaluateEvery, evaluateOnClients, evaluateOnServer } = options;
  if (!evaluateOnClients && !evaluateOnServer) return false;
  return round === rounds - 1 || (evaluateEvery > 0 && round % evaluateEvery === 0);
}

/** Asks all present clients, or those among them that the schedule names, but for those that are kept out. */
export function startEvaluation(state: CoordinatorState, round: number, output: Output): void {
  const { clients, schedule } = state.options;
  const evaluation: EvaluationState = {
    round,
    status: new Uint8Array(clients),
    pending: 0,
    timer: null,
    closed: false,
    unread: new Set(),
    failures: new Map(),
  };
  state.evaluation = evaluation;
  const wanted = schedule.evaluators?.(round);
  const barred = barredNow(state);
  for (const [session, present] of presentRanges(state.membership)) {
    const ranges = withoutClients(wanted === undefined ? present : commonRanges(present, wanted), barred);
    if (ranges.length === 0) continue;
    output.push({ type: 'requestEvaluation', session, round, ranges });
    for (const { from, count } of ranges) {
      evaluation.status.fill(ASKED, from, from + count);
      evaluation.pending += count;
    }
  }
  if (evaluation.pending === 0) {
    output.warn('evaluation.nobody', `No client is there to evaluate round ${round + 1}.`);
  } else {
    setDeadline(state, evaluation, output);
  }
}

/** Who is not asked to train is not asked to evaluate; who let an evaluation pass loses some. Ascending. */
function barredNow({ folds: [fold], unheard }: CoordinatorState): readonly ClientIndex[] {
  const silent = [...unheard].flatMap(([client, { missed, skips }]) => {
    if (skips === 0) return [];
    unheard.set(client, { missed, skips: skips - 1 });
    return [client];
  });
  return [...new Set([...(fold?.barred ?? []), ...silent])].sort((a, b) => a - b);
}

/** Once, when the first clients are asked. */
function setDeadline(state: CoordinatorState, evaluation: EvaluationState, output: Output): void {
  const { evaluationDeadlineMs } = state.options;
  if (evaluationDeadlineMs === null || evaluation.timer !== null) return;
  evaluation.timer = `evaluate:${evaluation.round}`;
  output.setTimer(state, evaluation.timer, evaluationDeadlineMs);
}

/** Clients that come while the others evaluate are asked as well; those that had left before they answered, again. */
export function evaluatorsArrived(
  state: CoordinatorState,
  session: string,
  arrived: readonly ClientIndex[],
  output: Output,
): void {
  const { evaluation } = state;
  if (evaluation === null || evaluation.closed) return;
  const { round, status } = evaluation;
  const wanted = state.options.schedule.evaluators?.(round);
  const isWanted = (client: ClientIndex) =>
    (wanted?.some(({ from, count }) => client >= from && client < from + count) ?? true) &&
    !state.folds[0]?.barred.includes(client) &&
    !state.unheard.has(client);
  const ranges: IndexRange[] = [];
  for (const client of arrived) {
    if ((status[client] !== NOT_ASKED && status[client] !== AWAY) || !isWanted(client)) continue;
    status[client] = ASKED;
    evaluation.pending += 1;
    appendIndex(ranges, client);
  }
  if (ranges.length === 0) return;
  output.push({ type: 'requestEvaluation', session, round, ranges });
  setDeadline(state, evaluation, output);
}

/** The model is not to be evaluated any more. */
export function abandonEvaluation(state: CoordinatorState, output: Output): void {
  if (state.evaluation === null) return;
  output.clearTimer(state, state.evaluation.timer);
  state.evaluation = null;
}

export function evaluationReceived(state: CoordinatorState, tag: EvaluationTag, output: Output): void {
  const { session, round, client } = tag;
  const refusal = refuseEvaluation(state, tag);
  if (refusal !== null) {
    output.push({ type: 'discardEvaluation', session, round, client, ...refusal });
    return;
  }
  const { evaluation } = state;
  if (evaluation === null) return;
  evaluation.status[client] = RECORDED;
  evaluation.pending -= 1;
  state.overdue.delete(client);
  state.unheard.delete(client);
  output.push({ type: 'recordEvaluation', session, round, client });
}

export function evaluationFailed(state: CoordinatorState, event: EvaluationTag & Reason): void {
  const { evaluation } = state;
  if (evaluation === null || refuseEvaluation(state, event) !== null) return;
  const { failures } = evaluation;
  // Each is a sentence or several of somebody else's.
  const reason = event.message.replace(/[.\s]+$/, '');
  const before = failures.get(reason);
  if (before !== undefined) before.push(event.client);
  else if (failures.size < REASONS_MAX) failures.set(reason, [event.client]);
  noLongerAsked(evaluation, event.client, MISSING);
}

/** A client left. It is not waited for, and asked again if it comes back while others are. */
export function evaluatorLeft(evaluation: EvaluationState, client: ClientIndex): void {
  noLongerAsked(evaluation, client, AWAY);
}

function noLongerAsked(evaluation: EvaluationState, client: ClientIndex, status: typeof MISSING | typeof AWAY): void {
  if (evaluation.status[client] !== ASKED) return;
  evaluation.status[client] = status;
  evaluation.pending -= 1;
}

/** The clients' time is over: who has not answered loses the next evaluations, and its index to whoever asks for it. */
export function evaluationDeadline(state: CoordinatorState, evaluation: EvaluationState): void {
  evaluation.timer = null;
  evaluation.closed = true;
  for (const [index, value] of evaluation.status.entries()) {
    if (value === ASKED) notAnswered(state, evaluation, knownClient(index));
  }
}

/**
 * As at their deadline, for the clients of a session that is not listened to. Those that were refused before lose the next ones too, once in an
 * evaluation: what else the session sends in it is refused as late.
 */
export function evaluatorsUnread(state: CoordinatorState, session: string): void {
  const { evaluation, membership } = state;
  if (evaluation === null) return;
  const isFirst = !evaluation.unread.has(session);
  evaluation.unread.add(session);
  for (const client of clientsOf(membership, session)) {
    const status = evaluation.status[client];
    if (status === ASKED) notAnswered(state, evaluation, client);
    else if (status === MISSING && isFirst) losesTurns(state, client);
  }
}

function notAnswered(state: CoordinatorState, evaluation: EvaluationState, client: ClientIndex): void {
  noLongerAsked(evaluation, client, MISSING);
  losesTurns(state, client);
  state.overdue.add(client);
}

function losesTurns({ unheard }: CoordinatorState, client: ClientIndex): void {
  const missed = (unheard.get(client)?.missed ?? 0) + 1;
  unheard.set(client, { missed, skips: skipsAfter(missed) });
}

/** What the evaluation came to, nobody being awaited any more. */
export function concludeEvaluation(
  state: CoordinatorState,
  evaluation: EvaluationState,
  output: Output,
): EvaluationOutcome {
  const missing = rangesOf(evaluation, MISSING, AWAY);
  if (missing.length > 0) {
    output.warn('evaluation.missing', describeMissing(evaluation, missing));
  }
  state.evaluation = null;
  return { recorded: rangesOf(evaluation, RECORDED), missing };
}

function describeMissing({ round, failures }: EvaluationState, missing: readonly IndexRange[]): string {
  const [first] = missing;
  const whom = `${missing.length === 1 && first?.count === 1 ? 'client' : 'clients'} ${describeRanges(missing)}`;
  const reasons = [...failures].map(([reason, clients]) => {
    const who = describeClients(clients);
    return who === whom ? `: ${reason}` : `; ${who}: ${reason}`;
  });
  return `Evaluation of round ${round + 1} lacks ${whom}${reasons.join('')}.`;
}

function rangesOf({ status }: EvaluationState, ...wanted: readonly number[]): IndexRange[] {
  const ranges: IndexRange[] = [];
  for (const [client, value] of status.entries()) {
    if (wanted.includes(value)) appendIndex(ranges, client);
  }
  return ranges;
}
