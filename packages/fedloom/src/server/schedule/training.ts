/** Collects a round's updates until it can be closed, or has failed. */

import { knownClient } from '../../core/brands.js';
import { isMissed } from './absence.js';
import { finish } from './finish.js';
import { closeFold } from './folds.js';
import type { Output } from './output.js';
import { dropMember, membersWith, move, refillPlace, replaceUnfinished } from './places.js';
import { describeClients } from './ranges.js';
import type { Uncounted } from './reason-codes.js';
import type { Member, RoundContext, RoundsSettings, TrainingState } from './rounds-state.js';
import type { CoordinatorState } from './schedule.js';
import type { Failure, Reason, RoundDecision, UncountedClient, UpdateTag } from './types.js';
import { takeUpdate } from './updates.js';

const MISSED_DEADLINE: Reason<Uncounted> = {
  code: 'round.deadline',
  message: 'the deadline passed before the update came',
};
const AWAY: Reason<Uncounted> = { code: 'client.away', message: 'the client was away when all others had finished' };
const AWAY_AT_CLOSE: Reason<Uncounted> = { code: 'client.away', message: 'the client was away when the round closed' };
const CLOSED: Reason<Uncounted> = { code: 'round.closed', message: 'the round closed without its update' };

export function samplerFailed(state: CoordinatorState, { sampler }: RoundsSettings, output: Output): void {
  const message = `Sampler ${sampler.name} gave no permutation of the ${state.options.clients} clients for round ${state.round + 1}; mend the sampler.`;
  finish(state, 'failed', 'sampler.permutation', message, output);
}

/** Unless it runs. It begins when the round before is written, and so everyone asked who is there. */
export function setDeadline({ state, settings, training, output }: RoundContext): void {
  const { deadlineMs } = settings;
  if (deadlineMs === null || training.timer !== null || state.folds.length > 0) return;
  training.timer = `train:${state.round}:${training.extensions}`;
  output.setTimer(state, training.timer, deadlineMs);
}

export function updateReceived(context: RoundContext, tag: UpdateTag): void {
  const { state, training, output } = context;
  const member = training.members.get(tag.client);
  if (member === undefined) return;
  move(training, member, 'folded');
  member.silent = false;
  member.foldedAttempt = tag.attempt;
  takeUpdate(state, tag, training.base, output);
  if (training.folded === 1) drawAhead(context);
  advance(context);
}

/** Draws the next round's order now, while the other clients train: it takes milliseconds when there are many. */
function drawAhead({ state, settings, own }: RoundContext): void {
  const { rounds, clients } = state.options;
  if (state.round + 1 >= rounds) return;
  own.nextOrder = settings.sampler.permutation(state.round + 1, clients, settings.clientsPerRound);
}

/** An invalid update or a failure: the next client takes the place over at once. */
export function clientFailed(context: RoundContext, event: Failure): void {
  const { state, training, output } = context;
  const { client, code, message, offence } = event;
  const member = training.members.get(client);
  if (member === undefined) return;
  member.offence = offence;
  member.silent = false;
  dropMember(context, member, { code, message });
  const successor = refillPlace(context, member);
  const nobody =
    state.folds.length > 0
      ? 'once the last round is written another takes its place, if one is there'
      : 'no other client is there to take its place';
  const outcome = successor === undefined ? nobody : `client ${successor} takes its place`;
  const text = `Client ${client} is lost to round ${state.round + 1}: ${message} (${outcome})`;
  output.push({ type: 'warn', code, message: text });
  advance(context);
}

export function trainingDeadline(context: RoundContext): void {
  const { state, settings, training, output } = context;
  const { quorum, attemptsMax, clientsPerRound } = settings;
  training.timer = null;
  for (const member of membersWith(training, 'working')) {
    member.silent = true;
    state.overdue.add(member.client);
  }
  if (training.folded >= quorum) return close(context, MISSED_DEADLINE);
  if (training.extensions >= attemptsMax) return fail(context);
  training.extensions += 1;
  const replaced = replaceUnfinished(context, ['awaited', 'working'], MISSED_DEADLINE);
  setDeadline(context);
  output.warn(
    'round.extended',
    `Round ${state.round + 1}: at the deadline ${training.folded} of ${clientsPerRound} updates are in, ${quorum} are needed; ` +
      `${replaced.length} clients replaced${replaced.length === 0 ? '' : ` (${describeMembers(replaced)})`}, ` +
      `deadline extended (${training.extensions} of ${attemptsMax}).`,
  );
  advance(context);
}

/** Closes the round when all is in; looks after rounds in which nobody works any more. To be called after each change. */
export function advance(context: RoundContext): void {
  const { state, settings, training, output } = context;
  const { clientsPerRound, quorum, deadlineMs } = settings;
  // While the round before is written, those that were in it may still take places over; and one fold is closed at a time.
  if (state.folds.length > 0) return;
  if (training.folded >= clientsPerRound) return close(context);
  if (training.working > 0) return;
  // All places have delivered or are lost.
  if (training.awaited === 0) return training.folded >= quorum ? close(context) : fail(context);
  // Somebody is awaited: until the grace or the deadline is over; without either, as long as nobody else is there.
  if (training.folded >= quorum && allMissed(state, training)) return close(context);
  if (deadlineMs !== null) return;
  if (state.options.graceMs === null) replaceUnfinished(context, ['awaited'], AWAY);
  if (training.working > 0 || training.warnedIdle) return;
  if (state.options.graceMs !== null && !allMissed(state, training)) return;
  training.warnedIdle = true;
  output.warn(
    'round.idle',
    `Round ${state.round + 1} waits: ${training.folded} of ${clientsPerRound} updates are in, and ` +
      `${describeMembers(membersWith(training, 'awaited'))} must join before it can go on. ` +
      'Start them again, or set a deadline for rounds.',
  );
}

/** Whoever is awaited has been away for longer than the grace, and nobody is there instead. */
function allMissed(state: CoordinatorState, training: TrainingState): boolean {
  if (state.options.graceMs === null || training.missedPlaces.length < training.awaited) return false;
  return membersWith(training, 'awaited').every(({ client }) => isMissed(state, client));
}

/** @param late why those do not count that still train */
function close(context: RoundContext, late = CLOSED): void {
  const { state, settings, training, output } = context;
  const { clientsPerRound } = settings;
  output.clearTimer(state, training.timer);
  training.timer = null;
  if (training.folded < clientsPerRound) {
    output.warn(
      'round.partial',
      `Round ${state.round + 1} closes with ${training.folded} of ${clientsPerRound} updates; ` +
        `missing: ${describeMembers(undelivered(training))}.`,
    );
  }
  for (const status of ['awaited', 'unsettled', 'working'] as const) {
    const reason = { awaited: AWAY_AT_CLOSE, unsettled: CLOSED, working: late }[status];
    for (const member of membersWith(training, status)) dropMember(context, member, reason);
  }
  training.closed = true;
  closeFold(state, decide(context), output);
}

/** All lists ascending, so that nothing computed from them depends on who came first. */
function decide({ state, training }: RoundContext): RoundDecision {
  const { round } = state;
  const ascending = [...training.members.values()].sort((a, b) => a.client - b.client);
  return {
    round,
    cohort: Array.from(training.order.subarray(0, training.places.length), knownClient),
    counted: ascending
      .filter(({ status }) => status === 'folded')
      .map(({ client, foldedAttempt: attempt }) => ({
        ...{ client, base: training.base, task: round, attempt },
        newest: training.base,
      })),
    uncounted: ascending.filter(({ status }) => status !== 'folded').map((member) => uncounted(member, round)),
    replaced: training.replaced,
    awaited: [...training.away].sort((a, b) => a - b),
    started: [],
    position: 0,
    voided: null,
    voidUpdates: [],
  };
}

function uncounted({ client, lastAttempt, reason, offence, silent }: Member, task: number): UncountedClient {
  const attempt = lastAttempt < 0 ? null : lastAttempt;
  return {
    ...{ client, task, attempt, ...(reason ?? CLOSED) },
    ...(offence && { offence }),
    ...(silent && { silent }),
  };
}

function fail({ state, settings, training, output }: RoundContext): void {
  const { quorum, clientsPerRound, deadlineMs } = settings;
  const deadlines = training.extensions + 1;
  const waited =
    training.working + training.awaited + training.unsettled > 0
      ? `after ${deadlines} ${deadlines === 1 ? 'deadline' : 'deadlines'} of ${deadlineMs} ms`
      : 'and no client is left to replace those that failed';
  const message =
    `Round ${state.round + 1} failed: ${training.folded} of ${clientsPerRound} updates came, ${quorum} are needed, ${waited}; ` +
    `missing: ${describeMembers(undelivered(training))}. ` +
    'See why they failed, allow more time (deadline), fewer updates (quorum), or let more clients join.';
  finish(state, 'failed', 'round.quorum', message, output);
}

/** Everyone who was to deliver in this round and has not. */
function undelivered(training: TrainingState): Member[] {
  return [...training.members.values()].filter(({ status }) => status !== 'folded');
}

function describeMembers(members: readonly Member[]): string {
  return describeClients(members.map(({ client }) => client));
}
