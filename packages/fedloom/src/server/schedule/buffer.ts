/** The fold of `buffered`: what is taken in, and when it is closed. */

import type { ClientIndex } from '../../core/brands.js';
import { addIdle, dropAsk, fill, freePlace, heedBars, someoneIdle, vacate } from './asks.js';
import { type BufferedAsk, type BufferedContext, type BufferedState, openFold } from './buffered-state.js';
import { finish } from './finish.js';
import { closeFold } from './folds.js';
import { describeClients } from './ranges.js';
import type { Uncounted } from './reason-codes.js';
import type { CoordinatorState } from './schedule.js';
import type { Ongoing, Reason, RoundDecision, UpdateTag } from './types.js';
import { takeUpdate } from './updates.js';

const AWAY: Reason<Uncounted> = { code: 'client.away', message: 'the client was away when nobody else trained' };
const ENDING: Reason<Uncounted> = { code: 'run.ending', message: 'the last version was made without it' };

/** Takes an update in, and closes the fold if it was the last. */
export function takeIn(context: BufferedContext, asked: BufferedAsk, tag: UpdateTag): void {
  const { state, settings, own, output } = context;
  const { client, base, task } = asked;
  freePlace(context, asked);
  own.fold.counted.push({ client, base, task, attempt: tag.attempt, newest: state.version });
  takeUpdate(state, tag, base, output);
  if (own.fold.counted.length === settings.bufferSize) close(context);
}

/** Fills the places; looks after folds for which nobody trains any more. To be called after each change. */
export function advance(context: BufferedContext): void {
  const { state, own } = context;
  if (own.done || state.phase !== 'running') return;
  heedBars(context);
  if (mayAsk(state)) fill(context);
  if (own.working === 0) replaceAbsent(context);
  if (own.working > 0 || state.folds.length > 0 || finished(state)) return;
  if (state.membership.present < state.options.clients) waitForSomebody(context);
  else closeOrFail(context);
}

/** Nobody starts while a candidate is made that may be void, or before the disk has what was decided. */
function mayAsk({ folds }: CoordinatorState): boolean {
  return folds.length === 0 || (folds.length === 1 && folds[0]?.stage === 'persisted');
}

function finished({ phase }: CoordinatorState): boolean {
  return phase === 'finished';
}

/** With neither grace nor deadline, absent clients keep their places only as long as somebody trains. */
function replaceAbsent(context: BufferedContext): void {
  const { state, settings, own } = context;
  if (state.options.graceMs !== null || settings.deadlineMs !== null || !mayAsk(state)) return;
  for (const absent of [...own.asks.values()]) {
    if (finished(state) || !someoneIdle(context)) return;
    vacate(context, absent, AWAY);
    fill(context);
  }
}

/** Only a join, or a deadline, can help. */
function waitForSomebody({ state, settings, own, output }: BufferedContext): void {
  const { fold } = own;
  if (settings.deadlineMs !== null && own.asks.size === 0 && fold.timer === null) {
    fold.timer = `buffer:${state.round}:${fold.waits}`;
    fold.waits += 1;
    output.setTimer(state, fold.timer, settings.deadlineMs);
  }
  if (fold.warnedIdle) return;
  fold.warnedIdle = true;
  output.warn(
    'round.idle',
    `Round ${state.round + 1} waits: ${fold.counted.length} of ${settings.bufferSize} updates are in, and none of the ` +
      `${state.membership.present} clients that are there can bring another. Let more clients join, or take a smaller buffer.`,
  );
}

/** @param timer of a place, or of the fold that waits for somebody to join */
export function bufferDeadline(context: BufferedContext, timer: string): void {
  const { state, settings, own, output } = context;
  const client = own.timers.get(timer);
  if (client === undefined) {
    if (timer !== own.fold.timer) return;
    own.fold.timer = null;
    return closeOrFail(context);
  }
  own.timers.delete(timer);
  const asked = own.asks.get(client);
  if (asked === undefined) return;
  asked.timer = null;
  own.fold.failed.add(client);
  const message = `no update was taken in within ${settings.deadlineMs} ms`;
  output.warn('ask.deadline', `Client ${client} loses its place in round ${state.round + 1}: ${message}.`);
  const silent = asked.status === 'working';
  if (silent) state.overdue.add(client);
  vacate(context, asked, {
    ...({ code: 'ask.deadline', message } satisfies Reason<Uncounted>),
    ...(silent && { silent }),
  });
  advance(context);
}

function closeOrFail(context: BufferedContext): void {
  const { state, settings, own, output } = context;
  const { counted, uncounted } = own.fold;
  const missing =
    uncounted.length === 0 ? 'none' : describeClients([...new Set(uncounted.map(({ client }) => client))]);
  if (counted.length >= settings.quorum) {
    output.warn(
      'round.partial',
      `Round ${state.round + 1} closes with ${counted.length} of ${settings.bufferSize} updates: ` +
        `no client is left to be asked; lost: ${missing}.`,
    );
    return close(context);
  }
  const message =
    `Round ${state.round + 1} failed: ${counted.length} of ${settings.bufferSize} updates came, ${settings.quorum} are needed, ` +
    `and no client is left to be asked; lost: ${missing}. ` +
    'See why they failed, take a smaller buffer, or let more clients join.';
  finish(state, 'failed', 'round.quorum', message, output);
}

function close(context: BufferedContext): void {
  const { state, own, output } = context;
  const { round } = state;
  const { fold } = own;
  output.clearTimer(state, fold.timer);
  own.done = round + 1 === state.options.rounds;
  if (own.done) for (const asked of [...own.asks.values()]) dropAsk(context, asked, ENDING);
  const decision = decide(context);
  own.started.clear();
  own.fold = openFold();
  for (const client of fold.failed) addIdle(context, client);
  // Seldom: it costs as much as there are places.
  if (own.working < own.asks.size) {
    for (const { client, status } of own.asks.values()) if (status === 'awaited') own.fold.away.add(client);
  }
  if (!own.done) state.round = round + 1;
  closeFold(state, decision, output);
}

function startedSince({ started, asks }: BufferedState): Ongoing[] {
  const list: Ongoing[] = [];
  for (const client of [...started].sort((a, b) => a - b)) {
    const asked = asks.get(client);
    if (asked === undefined) continue;
    const { base, task, lastAttempt } = asked;
    list.push({ client, base, task, attempt: lastAttempt });
  }
  return list;
}

/** All lists ascending, so that nothing computed from them depends on who came first. */
function decide({ state, own }: BufferedContext): RoundDecision {
  const { counted, uncounted, replaced, away } = own.fold;
  const byClient = <T extends { readonly client: ClientIndex }>(list: Iterable<T>) =>
    [...list].sort((a, b) => a.client - b.client);
  const ascending = byClient(counted);
  return {
    round: state.round,
    cohort: ascending.map(({ client }) => client),
    counted: ascending,
    uncounted: byClient(uncounted),
    replaced,
    awaited: [...away].sort((a, b) => a - b),
    started: startedSince(own),
    position: own.epoch * state.options.clients + own.cursor,
    voided: null,
    voidUpdates: [],
  };
}
