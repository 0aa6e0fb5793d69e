/** A closed fold's way: candidate, evaluation on the server, disk, settlement, record; and the clients' evaluation beside it. */
import type { ClientIndex } from '../../core/brands.js';
import { abandonEvaluation, concludeEvaluation, isEvaluationRound, startEvaluation } from './evaluation.js';
import { finish } from './finish.js';
import { notCounted, type Output } from './output.js';
import type { CoordinatorState } from './schedule.js';
import { startRun } from './start.js';
import type { ClosedFold } from './state.js';
import { suspectsText } from './suspects.js';
import { barredEvaluators, bookDecision } from './trust.js';
import type { EvaluationOutcome, RoundDecision, VoidReason } from './types.js';
import { addVersion, releaseHeldBack } from './versions.js';

/** No client was asked to evaluate. */
const NOBODY: EvaluationOutcome = { recorded: [], missing: [] };

/** A schedule closes the fold that takes updates. It waits until the ones before are finished. */
export function closeFold(state: CoordinatorState, decision: RoundDecision, output: Output): void {
  const fold: ClosedFold = {
    decision,
    folded: decision.counted,
    stage: 'waiting',
    barred: [],
    evaluated: null,
    concluded: false,
    released: [],
  };
  state.folds.push(fold);
  if (state.folds.length === 1) aggregate(state, fold, output);
}

/** The rounds before are booked by now, and this one is not: who goes on from its record comes to the same. */
function aggregate({ trust }: CoordinatorState, fold: ClosedFold, output: Output): void {
  fold.barred = barredEvaluators(trust, fold.decision);
  const { round, counted } = fold.decision;
  fold.stage = 'aggregating';
  output.push({ type: 'aggregate', round, counted: counted.map(({ client }) => client) });
}

/** A run goes on whose last round is on the disk, but not recorded: nothing but its clients' evaluation is left to do. */
export function takeUpFold(state: CoordinatorState, decision: RoundDecision, barred: readonly ClientIndex[]): void {
  const { evaluateOnClients } = state.options;
  const due = isEvaluationRound(state.options, decision.round) && decision.voided === null;
  const evaluated = due ? (evaluateOnClients ? 'pending' : NOBODY) : null;
  state.folds.push({ decision, folded: [], stage: 'persisted', barred, evaluated, concluded: true, released: [] });
}

/** Enough clients are there to evaluate what was taken up; the run starts when it is recorded. */
export function recordFold(state: CoordinatorState, output: Output): void {
  const fold = state.folds[0];
  if (fold === undefined || state.evaluation !== null) return;
  if (fold.evaluated === 'pending') startEvaluation(state, fold.decision.round, output);
  goOnAfterEvaluation(state, output);
  if (fold.evaluated !== 'pending') recorded(state, fold, output);
}

function recorded(state: CoordinatorState, fold: ClosedFold, output: Output): void {
  if (state.phase !== 'waiting' || state.folds[0] !== fold) return;
  finishFold(state, fold, output);
  if (goesOn(state, fold)) startRun(state, output);
}

/** The shell has made the candidate. */
export function aggregated(state: CoordinatorState, round: number, output: Output): void {
  const fold = foldAt(state, round, 'aggregating');
  if (fold === undefined) return;
  const { evaluateOnClients, evaluateOnServer, evaluateAfterSettlement } = state.options;
  if (isEvaluationRound(state.options, round)) {
    fold.evaluated = evaluateOnClients ? 'pending' : NOBODY;
    if (evaluateOnClients && !evaluateAfterSettlement) startEvaluation(state, round, output);
    if (evaluateOnServer) {
      fold.stage = 'evaluating';
      output.push({ type: 'evaluateOnServer', round });
      goOnAfterEvaluation(state, output);
      return;
    }
  }
  accept(state, fold, output);
}

/** The shell has evaluated the candidate, and it is sound. */
export function serverEvaluated(state: CoordinatorState, round: number, output: Output): void {
  const fold = foldAt(state, round, 'evaluating');
  if (fold !== undefined) accept(state, fold, output);
}

function accept(state: CoordinatorState, fold: ClosedFold, output: Output): void {
  state.voidInARow = 0;
  persist(state, fold, output);
  goOnAfterEvaluation(state, output);
}

/** The candidate, or its held-out loss, is not finite, or its updates are not to be added up: the round changes nothing. */
export function aggregationVoided(state: CoordinatorState, round: number, reason: VoidReason, output: Output): void {
  const fold = foldAt(state, round, 'aggregating') ?? foldAt(state, round, 'evaluating');
  if (fold === undefined) return;
  const { code, message, suspects = [] } = reason;
  const voided: VoidReason = { code, message, ...(suspects.length > 0 && { suspects }) };
  const none = fold.folded.map(({ client, task, attempt }) => ({ client, task, attempt, code, message }));
  const uncounted = [...fold.decision.uncounted, ...none].sort((a, b) => a.client - b.client);
  fold.decision = { ...fold.decision, counted: [], uncounted, voided, voidUpdates: fold.folded };
  fold.evaluated = null;
  abandonEvaluation(state, output);
  state.voidInARow += 1;
  const text = `Round ${round + 1} changes nothing, and none of its updates counts: ${withSuspects(voided)}`;
  output.warn('round.void', text);
  persist(state, fold, output);
}

/** Clients are told the reason alone. */
function withSuspects({ message, suspects }: VoidReason): string {
  return suspects === undefined ? message : `${message} ${suspectsText(suspects)}`;
}

function persist(state: CoordinatorState, fold: ClosedFold, output: Output): void {
  fold.stage = 'persisting';
  const quarantined = bookDecision(state.trust, fold.decision, state.options);
  if (quarantined.length > 0) fold.decision = { ...fold.decision, quarantined };
  output.push({ type: 'persist', ...fold.decision });
  tellBarred(state, fold.decision, output);
  releaseHeldBack(state, fold, output);
  if (fold.decision.voided === null) addVersion(state, output);
  if (goesOn(state, fold)) tellEvaluated(state, fold, output);
}

/** Who goes into quarantine, and whose is over. */
function tellBarred({ trust }: CoordinatorState, { round, quarantined = [] }: RoundDecision, output: Output): void {
  for (const { client, rounds } of quarantined) {
    const until = rounds === 1 ? `in round ${round + 2}` : `in rounds ${round + 2} to ${round + 1 + rounds}`;
    const message = `Client ${client} is not asked ${until}: its updates were refused too often, or made a round void.`;
    output.warn('client.quarantined', message);
  }
  for (const [client, { until }] of trust.quarantines) {
    if (until === round + 1)
      output.warn('client.released', `Client ${client} is asked again from round ${round + 2} on.`);
  }
}

/** The decision is on the disk: now it may be told. */
export function persisted(state: CoordinatorState, round: number, output: Output): void {
  const fold = foldAt(state, round, 'persisting');
  if (fold === undefined) return;
  fold.stage = 'persisted';
  const { voided } = fold.decision;
  for (const { client, task, attempt } of fold.folded) {
    state.unsettled.delete(client);
    output.settle(state, client, { task, attempt, ...(voided === null ? { counted: true } : notCounted(voided)) });
  }
  if (fold.evaluated === 'pending' && state.options.evaluateAfterSettlement) startEvaluation(state, round, output);
  const clients = fold.folded.map(({ client }) => client);
  goOnAfterEvaluation(state, output);
  finishFold(state, fold, output);
  if (state.phase === 'running') state.options.schedule.settled(state, clients, output);
}

/** Ends the clients' evaluation if nobody is awaited any more, and with it perhaps the fold. To be called after each change. */
export function goOnAfterEvaluation(state: CoordinatorState, output: Output): void {
  const { evaluation } = state;
  const fold = state.folds[0];
  if (evaluation === null || fold === undefined || evaluation.pending > 0) return;
  // The candidate may still be void: then nobody wants to know who did not evaluate it.
  if (fold.stage === 'evaluating') return;
  output.clearTimer(state, evaluation.timer);
  fold.evaluated = concludeEvaluation(state, evaluation, output);
  if (state.phase === 'waiting') return recorded(state, fold, output);
  finishFold(state, fold, output);
  if (state.phase === 'running' && goesOn(state, fold)) tellEvaluated(state, fold, output);
}

function tellEvaluated(state: CoordinatorState, fold: ClosedFold, output: Output): void {
  if (fold.concluded || fold.evaluated === 'pending') return;
  fold.concluded = true;
  state.options.schedule.evaluated(state, output);
}

function finishFold(state: CoordinatorState, fold: ClosedFold, output: Output): void {
  if (fold.stage !== 'persisted' || fold.evaluated === 'pending' || state.folds[0] !== fold) return;
  const { decision, evaluated } = fold;
  const { started: _, position: __, voidUpdates: ___, ...told } = decision;
  const counted = decision.counted.map(({ client }) => client);
  state.folds.shift();
  output.push({ type: 'roundFinished', ...told, counted, evaluated });
  if (!goesOn(state, fold)) return end(state, decision, output);
  const next = state.folds[0];
  if (next !== undefined) aggregate(state, next, output);
}

function goesOn({ options, voidInARow }: CoordinatorState, { decision }: ClosedFold): boolean {
  return decision.round + 1 < options.rounds && voidInARow < options.voidRoundsMax;
}

function end(state: CoordinatorState, { voided }: RoundDecision, output: Output): void {
  const { rounds } = state.options;
  if (state.voidInARow < state.options.voidRoundsMax) {
    finish(state, 'completed', 'run.completed', `All ${rounds} rounds are done.`, output);
    return;
  }
  const many = state.voidInARow === 1 ? 'The last round' : `The last ${state.voidInARow} rounds`;
  const advice =
    voided?.suspects === undefined
      ? 'Lower the learning rate, or look for clients whose data or training spoil the model.'
      : 'Bound what an update may be (updateNormMax, sampleCountMax), take a robust fold, or keep these clients out.';
  const message = `${many} changed nothing, the last because: ${voided && withSuspects(voided)} ${advice}`;
  finish(state, 'failed', 'round.void', message, output);
}

/** The fold that is on its way, if it is this one and at this stage. */
function foldAt(state: CoordinatorState, round: number, stage: ClosedFold['stage']): ClosedFold | undefined {
  const fold = state.folds[0];
  return fold !== undefined && fold.decision.round === round && fold.stage === stage ? fold : undefined;
}
