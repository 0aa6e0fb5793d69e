import { type ClientIndex, knownClient, versionNumber } from '../../core/brands.js';
import type { IndexRange } from '../../protocol/messages.js';
import {
  createAbsence,
  graceDeadline,
  noteArrival,
  noteDeparture,
  startGrace,
  startWaiting,
  waitingDeadline,
} from './absence.js';
import {
  evaluationDeadline,
  evaluationFailed,
  evaluationReceived,
  evaluatorLeft,
  evaluatorsArrived,
  evaluatorsUnread,
} from './evaluation.js';
import { abort, finish } from './finish.js';
import { aggregated, aggregationVoided, goOnAfterEvaluation, persisted, recordFold, serverEvaluated } from './folds.js';
import { addClient, anyClientOf, createMembership, removeClient, sessionOf } from './membership.js';
import { resolveOptions } from './options.js';
import { Output } from './output.js';
import { appendIndex, describeRanges, splitRanges } from './ranges.js';
import { refuseUpdate } from './refusals.js';
import type { CoordinatorOptions, CoordinatorState, Step } from './schedule.js';
import { endRun, isOver, startRun } from './start.js';
import { createTrust, isOffence } from './trust.js';
import type { CoordinatorEvent, Failure, UpdateTag } from './types.js';

/**
 * A coordinator that waits for its clients.
 * @throws FedloomError `coordinator.options`
 */
export function initialState(options: CoordinatorOptions): CoordinatorState {
  const resolved = resolveOptions(options);
  const { clients, firstRound, schedule } = resolved;
  return {
    options: resolved,
    phase: 'waiting',
    round: firstRound,
    version: versionNumber(firstRound),
    membership: createMembership(clients),
    absence: createAbsence(clients),
    unsettled: new Set(),
    owed: new Map(),
    trainers: new Map(),
    folds: [],
    evaluation: null,
    timers: new Set(),
    voidInARow: 0,
    trust: createTrust(),
    overdue: new Set(),
    unheard: new Map(),
    collection: schedule.initial(resolved),
  };
}

/**
 * The whole server as a function: what happened goes in, what is to be done comes out. No clock, no randomness, no I/O;
 * equal events give equal effects; no event that a peer can cause throws.
 *
 * The state is used linearly: this may change the given state and return it. Do not use the old one again.
 *
 * A run waits for `minimumClients`. Then the schedule asks clients to train and closes one fold after the other. What follows
 * is the same for all: the shell makes the candidate (`aggregate`), evaluates it (`evaluateOnServer`, if due), writes down what
 * was decided (`persist`); then those whose updates were folded are told (`settle`), and the round is recorded
 * (`roundFinished`). Clients evaluate beside the server and the disk. The schedule goes on as soon as it may: with the version
 * there, clients can be asked before it is on the disk, but none whose own update is not settled. One fold at a time is on this
 * way; others that are closed meanwhile wait.
 *
 * A candidate that is not finite is void: nobody counts, the next version is as the one before, the run goes on, unless
 * `voidRoundsMax` rounds in a row are void.
 *
 * Steps cost O(1), and O(log clients) to find who trains next; those that start a round or an evaluation, and joins, cost
 * what they touch.
 */
export function step(state: CoordinatorState, event: CoordinatorEvent): Step {
  const output = new Output();
  if (state.phase === 'finished') afterTheEnd(state, event, output);
  else dispatch(state, event, output);
  return { state, effects: output.effects };
}

function dispatch(state: CoordinatorState, event: CoordinatorEvent, output: Output): void {
  switch (event.type) {
    case 'opened':
      return isOver(state) ? endRun(state, output) : startWaiting(state, output);
    case 'clientsJoined':
      return clientsJoined(state, event.session, event.ranges, output);
    case 'clientsLeft':
      return clientsLeft(state, event.session, event.ranges, output);
    case 'sessionClosed':
      return sessionClosed(state, event.session, output);
    case 'updateReceived':
      return updateReceived(state, event, output);
    case 'updateInvalid':
      return clientFailed(state, { ...event, offence: isOffence(event.code) }, output);
    case 'clientFailed':
      return clientFailed(state, { ...event, offence: false }, output);
    case 'aggregated':
      return aggregated(state, event.round, output);
    case 'aggregationVoided':
      return aggregationVoided(state, event.round, event, output);
    case 'persisted':
      return persisted(state, event.round, output);
    case 'evaluationReceived':
      evaluationReceived(state, event, output);
      return goOnAfterEvaluation(state, output);
    case 'evaluationFailed':
      evaluationFailed(state, event);
      return goOnAfterEvaluation(state, output);
    case 'evaluatorsUnread':
      evaluatorsUnread(state, event.session);
      return goOnAfterEvaluation(state, output);
    case 'serverEvaluated':
      return serverEvaluated(state, event.round, output);
    case 'deadline':
      return deadline(state, event.timer, output);
    case 'stop':
      return finish(state, 'completed', 'run.stopped', event.message, output);
    case 'abort':
      abort(state, event.reason, event, output);
  }
}

/**
 * The run is over: who comes back is told what became of its updates, and that; whatever holds something for the coordinator
 * is told to drop it.
 */
function afterTheEnd(state: CoordinatorState, event: CoordinatorEvent, output: Output): void {
  switch (event.type) {
    case 'clientsJoined':
      clientsJoined(state, event.session, event.ranges, output);
      return output.push({ type: 'dismiss', session: event.session });
    case 'clientsLeft':
      return clientsLeft(state, event.session, event.ranges, output);
    case 'sessionClosed':
      return sessionClosed(state, event.session, output);
    case 'updateReceived':
      return updateReceived(state, event, output);
    case 'evaluationReceived':
      return evaluationReceived(state, event, output);
  }
}

function clientsJoined(state: CoordinatorState, session: string, ranges: readonly IndexRange[], output: Output): void {
  const { inside, outside } = splitRanges(ranges, state.options.clients);
  if (outside.length > 0) {
    const last = state.options.clients - 1;
    const message = `Clients ${describeRanges(outside)} cannot join: this federation has the indices 0 to ${last}. Correct the index.`;
    output.push({ type: 'refuseJoin', session, ranges: outside, code: 'join.range', message });
  }
  takeOver(state, session, inside, output);
  const { accepted, arrived } = admit(state, session, inside, output);
  if (accepted.length > 0) output.push({ type: 'acceptJoin', session, ranges: accepted });
  for (const client of arrived) {
    noteArrival(state, client);
    const owed = state.owed.get(client);
    if (owed === undefined) continue;
    state.owed.delete(client);
    for (const settlement of owed) output.settle(state, client, settlement);
  }
  if (state.phase === 'finished') return;
  evaluatorsArrived(state, session, arrived, output);
  if (state.phase === 'running') state.options.schedule.arrived(state, arrived, output);
  else if (isOver(state)) endRun(state, output);
  else if (state.membership.present >= state.options.minimumClients) beginRun(state, output);
}

/** Enough clients are there. What the last process decided and did not record comes first. */
function beginRun(state: CoordinatorState, output: Output): void {
  if (state.folds.length === 0) startRun(state, output);
  else recordFold(state, output);
}

/** Takes those clients from their sessions that were asked there and let a deadline pass: somebody else would do their work. */
function takeOver(state: CoordinatorState, session: string, ranges: readonly IndexRange[], output: Output): void {
  if (state.overdue.size === 0 || state.phase === 'finished') return;
  const taken: ClientIndex[] = [];
  for (const client of [...state.overdue].sort((a, b) => a - b)) {
    const holder = sessionOf(state.membership, client);
    const wanted = ranges.some(({ from, count }) => client >= from && client < from + count);
    if (!wanted || holder === undefined || holder === session) continue;
    const task = state.options.schedule.lastTask(state, client);
    release(state, client);
    taken.push(client);
    const message =
      `Client ${client} went to another connection that asked for it: it let a deadline pass here. ` +
      'See why this process does not answer, and join again.';
    const keeps = anyClientOf(state.membership, holder) !== undefined;
    output.push({ type: 'takeOver', session: holder, task, clients: [client], keeps, code: 'join.taken', message });
  }
  // All at once: none of them takes the place of another.
  goOnAfterLeaving(state, taken, output);
}

/**
 * Gives the session those clients that no other session holds. When the run is over, also those: nobody works any more, and a
 * session that has not left by now may be one whose line broke unnoticed.
 */
function admit(
  state: CoordinatorState,
  session: string,
  ranges: readonly IndexRange[],
  output: Output,
): { readonly accepted: readonly IndexRange[]; readonly arrived: readonly ClientIndex[] } {
  const { membership } = state;
  const accepted: IndexRange[] = [];
  const held: IndexRange[] = [];
  const arrived: ClientIndex[] = [];
  for (const { from, count } of ranges) {
    for (let index = from; index < from + count; index++) {
      const client = knownClient(index);
      const holder = sessionOf(membership, client);
      if (holder !== undefined && holder !== session) {
        if (state.phase !== 'finished') {
          appendIndex(held, client);
          continue;
        }
        release(state, client);
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
  const departed: ClientIndex[] = [];
  // Whoever holds nobody may name as many as it likes, as often as it likes.
  const inside = state.membership.slots.has(session) ? splitRanges(ranges, state.options.clients).inside : [];
  for (const { from, count } of inside) {
    for (let index = from; index < from + count; index++) {
      const client = knownClient(index);
      if (sessionOf(state.membership, client) !== session) continue;
      release(state, client);
      departed.push(client);
    }
  }
  goOnAfterLeaving(state, departed, output);
}

function sessionClosed(state: CoordinatorState, session: string, output: Output): void {
  const departed: ClientIndex[] = [];
  for (;;) {
    const client = anyClientOf(state.membership, session);
    if (client === undefined) break;
    release(state, client);
    departed.push(client);
  }
  goOnAfterLeaving(state, departed, output);
}

function release(state: CoordinatorState, client: ClientIndex): void {
  removeClient(state.membership, client);
  state.overdue.delete(client);
  noteDeparture(state, client);
  if (state.evaluation !== null) evaluatorLeft(state.evaluation, client);
}

function goOnAfterLeaving(state: CoordinatorState, departed: readonly ClientIndex[], output: Output): void {
  if (departed.length === 0) return;
  if (state.phase === 'running') state.options.schedule.departed(state, departed, output);
  startGrace(state, departed, output);
  if (state.phase !== 'finished') goOnAfterEvaluation(state, output);
}

function updateReceived(state: CoordinatorState, tag: UpdateTag, output: Output): void {
  const { session, client, task, attempt } = tag;
  const refusal = refuseUpdate(state, tag);
  if (refusal === null) state.options.schedule.received(state, tag, output);
  else output.push({ type: 'discard', session, client, task, attempt, ...refusal });
}

/** An invalid update or a failure. One that is out of date means nothing. */
function clientFailed(state: CoordinatorState, event: Failure, output: Output): void {
  if (refuseUpdate(state, event) !== null) return;
  state.overdue.delete(event.client);
  state.options.schedule.failed(state, event, output);
}

function deadline(state: CoordinatorState, timer: string, output: Output): void {
  if (!state.timers.delete(timer)) return;
  const { evaluation } = state;
  if (waitingDeadline(state, timer, output) || graceDeadline(state, timer, output)) return;
  if (evaluation !== null && evaluation.timer === timer) {
    evaluationDeadline(state, evaluation);
    goOnAfterEvaluation(state, output);
  } else {
    state.options.schedule.deadline(state, timer, output);
  }
}

/**
 * The shell owes nothing and no evaluation is awaited: until the next update comes, or a client or a timer, nobody else is
 * asked.
 */
export function isQuiet({ phase, folds }: CoordinatorState): boolean {
  return phase !== 'running' || folds.length === 0;
}
