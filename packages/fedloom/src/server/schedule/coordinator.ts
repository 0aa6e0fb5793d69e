import type { IndexRange } from '../../protocol/messages.js';
import {
  concludeEvaluation,
  evaluationDeadline,
  evaluationFailed,
  evaluationReceived,
  evaluatorLost,
  isEvaluationRound,
  startEvaluation,
} from './evaluation.js';
import { addClient, anyClientOf, createMembership, removeClient, sessionOf } from './membership.js';
import { resolveOptions } from './options.js';
import { finish, Output } from './output.js';
import { clientArrived, clientDeparted, fillLostPlaces } from './places.js';
import { appendIndex, describeRanges, splitRanges } from './ranges.js';
import {
  advance,
  clientFailed,
  countedClients,
  settleCounted,
  startTraining,
  trainingDeadline,
  updateReceived,
} from './training.js';
import type {
  CoordinatorEvent,
  CoordinatorOptions,
  CoordinatorState,
  EvaluationOutcome,
  Step,
  TrainingState,
} from './types.js';

/**
 * A coordinator that waits for its clients.
 * @throws FedloomError `coordinator.options`
 */
export function initialState(options: CoordinatorOptions): CoordinatorState {
  const resolved = resolveOptions(options);
  return {
    options: resolved,
    phase: 'waiting',
    round: resolved.firstRound,
    membership: createMembership(resolved.clients),
    training: null,
    evaluation: null,
    owed: new Map(),
    nextOrder: null,
  };
}

/**
 * The whole server as a function: what happened goes in, what is to be done comes out. No clock, no randomness, no I/O;
 * equal events give equal effects; no event that a peer can cause throws.
 *
 * The state is used linearly: this may change the given state and return it. Do not use the old one again.
 *
 * A run: waits for `minimumClients`; then for each round
 * 1. *training*: the first `clientsPerRound` of the sampler's order have a place each. Those present are configured, the
 *    absent ones when they join. One that leaves is absent, and configured again when it comes back, under the place's
 *    next attempt. An update counts if its place waits for that client and the client was configured with its attempt,
 *    be it the last one or an earlier one. Failed clients are replaced at once by the next present client of the order;
 *    with none, the place is lost until somebody joins. At the deadline a quorum closes the round; otherwise whoever has
 *    not delivered is replaced, absent clients first, and the deadline extended, until `attemptsMax` is spent. With no
 *    deadline, absent clients are replaced when nobody works any more, and waited for when nobody can replace them.
 *    When all other places are lost, the round closes with a quorum, or fails.
 * 2. *aggregating*: the shell makes the new model. Those that counted are then told.
 * 3. *evaluating*, if due: all present clients and the server.
 *
 * Steps cost O(1), and O(log clients) for a replacement; those that start a round or an evaluation, and joins, cost what
 * they touch.
 */
export function step(state: CoordinatorState, event: CoordinatorEvent): Step {
  const output = new Output();
  dispatch(state, event, output);
  return { state, effects: output.effects };
}

function dispatch(state: CoordinatorState, event: CoordinatorEvent, output: Output): void {
  switch (event.type) {
    case 'clientsJoined':
      clientsJoined(state, event.session, event.ranges, output);
      break;
    case 'clientsLeft':
      clientsLeft(state, event.session, event.ranges, output);
      break;
    case 'sessionClosed':
      sessionClosed(state, event.session, output);
      break;
    case 'updateReceived':
      updateReceived(state, event, output);
      break;
    case 'updateInvalid':
    case 'clientFailed':
      clientFailed(state, event, output);
      break;
    case 'aggregated':
      aggregated(state, event.round, output);
      break;
    case 'evaluationReceived':
      evaluationReceived(state, event, output);
      goOnAfterEvaluation(state, output);
      break;
    case 'evaluationFailed':
      evaluationFailed(state, event);
      goOnAfterEvaluation(state, output);
      break;
    case 'serverEvaluated':
      if (state.evaluation !== null && event.round === state.round) state.evaluation.serverPending = false;
      goOnAfterEvaluation(state, output);
      break;
    case 'deadline':
      deadline(state, event.timer, output);
      break;
    case 'abort':
      if (state.phase !== 'finished') finish(state, event.reason, event.code, event.message, output);
  }
}

function clientsJoined(state: CoordinatorState, session: string, ranges: readonly IndexRange[], output: Output): void {
  if (state.phase === 'finished') {
    const message = 'The run is over: no client can join it any more. Start a new run.';
    output.push({ type: 'refuseJoin', session, ranges, code: 'run.finished', message });
    return;
  }
  const { inside, outside } = splitRanges(ranges, state.options.clients);
  if (outside.length > 0) {
    const last = state.options.clients - 1;
    const message = `Clients ${describeRanges(outside)} cannot join: this federation has the indices 0 to ${last}. Correct the index.`;
    output.push({ type: 'refuseJoin', session, ranges: outside, code: 'join.range', message });
  }
  const { accepted, arrived } = admit(state, session, inside, output);
  if (accepted.length > 0) output.push({ type: 'acceptJoin', session, ranges: accepted });
  for (const client of arrived) {
    const owed = state.owed.get(client);
    if (owed === undefined) continue;
    state.owed.delete(client);
    output.settle(state, client, owed);
  }
  if (state.phase === 'waiting') {
    if (state.membership.present >= state.options.minimumClients) startTraining(state, output);
  } else if (state.phase === 'training') {
    const training = state.training as TrainingState;
    for (const client of arrived) clientArrived(state, training, client, output);
    fillLostPlaces(state, training, output);
    advance(state, training, output);
  }
}

/** Gives the session those clients that no other session holds. */
function admit(
  state: CoordinatorState,
  session: string,
  ranges: readonly IndexRange[],
  output: Output,
): { readonly accepted: readonly IndexRange[]; readonly arrived: readonly number[] } {
  const { membership } = state;
  const accepted: IndexRange[] = [];
  const held: IndexRange[] = [];
  const arrived: number[] = [];
  for (const { from, count } of ranges) {
    for (let client = from; client < from + count; client++) {
      const holder = sessionOf(membership, client);
      if (holder !== undefined && holder !== session) {
        appendIndex(held, client);
        continue;
      }
      appendIndex(accepted, client);
      if (holder === session) continue;
      addClient(membership, session, client);
      arrived.push(client);
    }
  }
  if (held.length > 0) {
    const message =
      `Clients ${describeRanges(held)} cannot join: another connection holds them. ` +
      'Give every client process its own indices; after a lost connection, try again once the server has noticed.';
    output.push({ type: 'refuseJoin', session, ranges: held, code: 'join.held', message });
  }
  return { accepted, arrived };
}

function clientsLeft(state: CoordinatorState, session: string, ranges: readonly IndexRange[], output: Output): void {
  for (const { from, count } of splitRanges(ranges, state.options.clients).inside) {
    for (let client = from; client < from + count; client++) {
      if (sessionOf(state.membership, client) === session) release(state, client);
    }
  }
  goOnAfterLeaving(state, output);
}

function sessionClosed(state: CoordinatorState, session: string, output: Output): void {
  for (;;) {
    const client = anyClientOf(state.membership, session);
    if (client === undefined) break;
    release(state, client);
  }
  goOnAfterLeaving(state, output);
}

function release(state: CoordinatorState, client: number): void {
  removeClient(state.membership, client);
  if (state.phase === 'training') clientDeparted(state.training as TrainingState, client);
  if (state.evaluation !== null) evaluatorLost(state.evaluation, client);
}

function goOnAfterLeaving(state: CoordinatorState, output: Output): void {
  if (state.phase === 'training') advance(state, state.training as TrainingState, output);
  else goOnAfterEvaluation(state, output);
}

function deadline(state: CoordinatorState, timer: string, output: Output): void {
  const { phase, training, evaluation } = state;
  if (phase === 'training' && training?.timer === timer) {
    trainingDeadline(state, training, output);
  } else if (evaluation !== null && evaluation.timer === timer) {
    evaluationDeadline(evaluation);
    goOnAfterEvaluation(state, output);
  }
}

function aggregated(state: CoordinatorState, round: number, output: Output): void {
  if (state.phase !== 'aggregating' || round !== state.round) return;
  settleCounted(state, state.training as TrainingState, output);
  if (isEvaluationRound(state)) {
    startEvaluation(state, output);
    goOnAfterEvaluation(state, output);
  } else {
    finishRound(state, null, output);
  }
}

function goOnAfterEvaluation(state: CoordinatorState, output: Output): void {
  if (state.phase !== 'evaluating') return;
  const outcome = concludeEvaluation(state, output);
  if (outcome !== null) finishRound(state, outcome, output);
}

function finishRound(state: CoordinatorState, evaluated: EvaluationOutcome | null, output: Output): void {
  const { rounds, clientsPerRound } = state.options;
  const { round } = state;
  const training = state.training as TrainingState;
  const cohort = Array.from(training.order.subarray(0, clientsPerRound));
  output.push({ type: 'roundFinished', round, cohort, counted: countedClients(training), evaluated });
  if (round + 1 === rounds) {
    finish(state, 'completed', 'run.completed', `All ${rounds} rounds are done.`, output);
    return;
  }
  state.round = round + 1;
  startTraining(state, output);
}
