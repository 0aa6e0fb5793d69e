/** Who has a place in the round's cohort, and who takes it over. */

import { type ClientIndex, knownClient } from '../../core/brands.js';
import { isMissed } from './absence.js';
import { sessionOf } from './membership.js';
import { notCounted, type Output } from './output.js';
import type { Uncounted } from './reason-codes.js';
import type { Member, RoundContext, RoundsSettings, RoundsState, TrainingState } from './rounds-state.js';
import type { CoordinatorState } from './schedule.js';
import { addSpare, createSpares, firstSpare, removeSpare, type Spares } from './spares.js';
import { barOf } from './trust.js';
import type { Reason } from './types.js';
import { holdVersion, releaseVersion } from './versions.js';

export const LOST = -1;

/** How many clients a round asks. */
export function placesOf({ clientsPerRound, overSelect }: RoundsSettings, clients: number): number {
  if (overSelect === 1) return clientsPerRound;
  // 10 times 1.1 is a little more than 11.
  return Math.min(clients, Math.ceil(Number((clientsPerRound * overSelect).toFixed(6))));
}

/** Gives the cohort its places and configures those that are there. Null: the sampler gave no permutation. */
export function openPlaces(
  state: CoordinatorState,
  settings: RoundsSettings,
  own: RoundsState,
  output: Output,
): TrainingState | null {
  const { clients, firstAttempt } = state.options;
  const { sampler, clientsPerRound } = settings;
  const places = placesOf(settings, clients);
  const order = own.nextOrder ?? sampler.permutation(state.round, clients, clientsPerRound);
  own.nextOrder = null;
  const training: TrainingState = {
    order,
    base: state.version,
    members: new Map(),
    places: new Int32Array(places).fill(LOST),
    nextAttempt: new Int32Array(places).fill(firstAttempt),
    lost: [],
    missedPlaces: [],
    spares: null,
    awaited: 0,
    unsettled: 0,
    working: 0,
    folded: 0,
    replaced: [],
    away: new Set(),
    extensions: 0,
    timer: null,
    warnedIdle: false,
    closed: false,
  };
  own.training = training;
  if (order.length !== clients) return null;
  const context: RoundContext = { state, settings, own, training, output };
  for (let place = 0; place < places; place++) {
    const chosen = order[place] ?? LOST;
    if (!(chosen >= 0 && chosen < clients)) return null;
    const client = knownClient(chosen);
    if (training.members.has(client)) return null;
    const bar = barOf(state.trust, client, state.round);
    if (bar === undefined) occupy(context, place, client);
    else pass(training, place, client, bar);
    if (isMissed(state, client)) training.missedPlaces.push(place);
  }
  return training;
}

function memberAt(place: number, client: ClientIndex, status: Member['status']): Member {
  return {
    client,
    place,
    status,
    firstAttempt: -1,
    lastAttempt: -1,
    foldedAttempt: -1,
    reason: null,
    offence: false,
    silent: false,
  };
}

/** The client is not to be asked: its place is lost until another takes it. */
function pass(training: TrainingState, place: number, client: ClientIndex, reason: Reason): void {
  const member = { ...memberAt(place, client, 'dropped'), reason };
  training.members.set(client, member);
  training.lost.push(member);
}

function occupy(context: RoundContext, place: number, client: ClientIndex): void {
  const { state, training } = context;
  const member = memberAt(place, client, 'awaited');
  training.members.set(client, member);
  training.places[place] = client;
  training.awaited += 1;
  if (sessionOf(state.membership, client) === undefined) training.away.add(client);
  else configure(context, member);
}

/** Asks an awaited client that is there, as soon as nothing of its own is unsettled. */
function configure({ state, training, output }: RoundContext, member: Member): void {
  const { client, place } = member;
  const session = sessionOf(state.membership, client);
  if (session === undefined) return;
  if (state.unsettled.has(client)) return move(training, member, 'unsettled');
  const attempt = training.nextAttempt[place] ?? 0;
  training.nextAttempt[place] = attempt + 1;
  if (member.firstAttempt < 0) {
    member.firstAttempt = attempt;
    holdVersion(state, training.base);
  }
  member.lastAttempt = attempt;
  move(training, member, 'working');
  output.configure(session, { client, base: training.base, task: state.round, attempt });
}

/** From one status to another, and with it the counts. */
export function move(training: TrainingState, member: Member, status: Member['status']): void {
  if (member.status !== 'dropped') training[member.status] -= 1;
  if (status !== 'dropped') training[status] += 1;
  member.status = status;
}

/** A client has joined: it may be awaited, or may replace others. `fillLostPlaces` follows once all have joined. */
export function clientArrived(context: RoundContext, client: ClientIndex): void {
  const { training } = context;
  const member = training.members.get(client);
  if (member === undefined) {
    if (training.spares !== null && isSpare(context, client)) addSpare(training.spares, client);
  } else if (member.status === 'awaited') {
    configure(context, member);
  }
}

/** A client has left: its place waits for it, as for one that was absent from the start. */
export function clientDeparted({ training }: RoundContext, client: ClientIndex): void {
  const member = training.members.get(client);
  if (member === undefined) {
    if (training.spares !== null) removeSpare(training.spares, client);
  } else if (member.status === 'working' || member.status === 'unsettled') {
    training.away.add(client);
    move(training, member, 'awaited');
  }
}

/** What these clients did in a round before is settled: members are asked in the order of their places. */
export function clientsSettled(context: RoundContext, clients: readonly ClientIndex[]): void {
  const { training } = context;
  if (training.spares !== null) {
    for (const client of clients) if (isSpare(context, client)) addSpare(training.spares, client);
  }
  if (training.unsettled === 0) return;
  for (const member of membersWith(training, 'unsettled')) {
    move(training, member, 'awaited');
    configure(context, member);
  }
}

/** Takes the place from a client that has not delivered. Its place must be filled or lost next. */
export function dropMember({ state, training, output }: RoundContext, member: Member, reason: Reason): void {
  move(training, member, 'dropped');
  member.reason = reason;
  if (member.lastAttempt < 0) return;
  const settlement = { task: state.round, attempt: member.lastAttempt, ...notCounted(reason) };
  output.settle(state, member.client, settlement);
  releaseVersion(state, training.base, output);
}

/**
 * Gives the place of a dropped client to the next present one, which it returns; without one the place is lost. While the
 * round before is written, it is lost until then: who replaces whom must not depend on how fast the disk is.
 */
export function refillPlace(context: RoundContext, dropped: Member): ClientIndex | undefined {
  const { state, training } = context;
  const client = state.folds.length > 0 ? undefined : nextSpare(context);
  if (client === undefined) {
    training.places[dropped.place] = LOST;
    training.lost.push(dropped);
    return undefined;
  }
  replace(context, dropped, client);
  return client;
}

function replace(context: RoundContext, dropped: Member, by: ClientIndex): void {
  const { training } = context;
  training.replaced.push({ client: dropped.client, by, reason: dropped.reason?.message ?? '' });
  removeSpare(sparesOf(context), by);
  occupy(context, dropped.place, by);
}

/** Clients that have just joined, or are free again, take over what was lost before them. */
export function fillLostPlaces(context: RoundContext): void {
  const { state, training } = context;
  while (state.folds.length === 0 && training.lost.length > 0) {
    const client = nextSpare(context);
    const dropped = client === undefined ? undefined : training.lost.pop();
    if (client === undefined || dropped === undefined) return;
    replace(context, dropped, client);
  }
}

/** Replaces clients whose grace is over, these and those before them that found nobody, as far as there are others. */
export function replaceMissed(context: RoundContext, clients: readonly ClientIndex[] = []): void {
  const { state, training, output } = context;
  for (const client of clients) {
    const member = training.members.get(client);
    if (member?.status === 'awaited') training.missedPlaces.push(member.place);
  }
  if (training.missedPlaces.length === 0 || state.folds.length > 0 || nextSpare(context) === undefined) return;
  const places = training.missedPlaces.splice(0);
  for (const [at, place] of places.entries()) {
    const member = training.members.get(knownClient(training.places[place] ?? LOST));
    // It has come back meanwhile, or its place went to another.
    if (member === undefined || member.status !== 'awaited' || !isMissed(state, member.client)) continue;
    const by = nextSpare(context);
    if (by === undefined) {
      training.missedPlaces.push(...places.slice(at));
      return;
    }
    const message = `the client was away for longer than the grace of ${state.options.graceMs} ms`;
    dropMember(context, member, { code: 'client.away', message } satisfies Reason<Uncounted>);
    replace(context, member, by);
    output.warn(
      'client.replaced',
      `Round ${state.round + 1}: client ${by} replaces client ${member.client}: ${message}.`,
    );
  }
}

/**
 * Replaces clients that have not delivered, as far as there are others: first the absent ones, then, if wished, those
 * that still train. Whoever cannot be replaced keeps the place.
 * @returns those that were replaced
 */
export function replaceUnfinished(
  context: RoundContext,
  statuses: readonly ('awaited' | 'working')[],
  reason: Reason,
): readonly Member[] {
  if (nextSpare(context) === undefined) return [];
  const replaced: Member[] = [];
  // Taken before anyone is replaced: a client that has just come in has its time still before it.
  const unfinished = statuses.flatMap((status) => membersWith(context.training, status));
  for (const member of unfinished) {
    const by = nextSpare(context);
    if (by === undefined) break;
    dropMember(context, member, reason);
    replace(context, member, by);
    replaced.push(member);
  }
  return replaced;
}

/** Those that hold a place now and have this status, in the order of the places. */
export function membersWith(training: TrainingState, status: Member['status']): Member[] {
  const members: Member[] = [];
  for (const client of training.places) {
    const member = training.members.get(knownClient(client));
    if (member?.status === status) members.push(member);
  }
  return members;
}

function nextSpare(context: RoundContext): ClientIndex | undefined {
  const position = firstSpare(sparesOf(context));
  const client = position < 0 ? undefined : context.training.order[position];
  return client === undefined ? undefined : knownClient(client);
}

function sparesOf(context: RoundContext): Spares {
  const { training } = context;
  training.spares ??= createSpares(training.order, (client) => isSpare(context, client));
  return training.spares;
}

/** It may take a place over: it has none and had none, is there, free, and may be asked. */
function isSpare({ state, training }: RoundContext, client: ClientIndex): boolean {
  return (
    !training.members.has(client) &&
    sessionOf(state.membership, client) !== undefined &&
    !state.unsettled.has(client) &&
    barOf(state.trust, client, state.round) === undefined
  );
}
