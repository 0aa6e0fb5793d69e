/** Who has a place in the round's cohort, and who takes it over. */
import { sessionOf } from './membership.js';
import type { Output } from './output.js';
import { addSpare, createSpares, firstSpare, removeSpare } from './spares.js';
import type { CoordinatorState, Member, Spares, TrainingState } from './types.js';

export const LOST = -1;

/** Gives the cohort its places and configures those that are there. Null: the sampler gave no permutation. */
export function openPlaces(state: CoordinatorState, output: Output): TrainingState | null {
  const { sampler, clients, clientsPerRound } = state.options;
  const order = state.nextOrder ?? sampler.permutation(state.round, clients, clientsPerRound);
  state.nextOrder = null;
  const training: TrainingState = {
    order,
    members: new Map(),
    places: new Int32Array(clientsPerRound).fill(LOST),
    nextAttempt: new Int32Array(clientsPerRound),
    lostPlaces: [],
    spares: null,
    awaited: 0,
    working: 0,
    folded: 0,
    extensions: 0,
    timer: null,
    warnedIdle: false,
  };
  if (order.length !== clients) return null;
  for (let place = 0; place < clientsPerRound; place++) {
    const client = order[place]!;
    if (client < 0 || client >= clients || training.members.has(client)) return null;
    occupy(state, training, place, client, output);
  }
  return training;
}

function occupy(state: CoordinatorState, training: TrainingState, place: number, client: number, output: Output): void {
  const member: Member = {
    client,
    place,
    status: 'awaited',
    firstAttempt: -1,
    lastAttempt: -1,
    foldedAttempt: -1,
  };
  training.members.set(client, member);
  training.places[place] = client;
  training.awaited += 1;
  configureIfPresent(state, training, member, output);
}

function configureIfPresent(state: CoordinatorState, training: TrainingState, member: Member, output: Output): void {
  const session = sessionOf(state.membership, member.client);
  if (session === undefined) return;
  const attempt = training.nextAttempt[member.place]!;
  training.nextAttempt[member.place] = attempt + 1;
  if (member.firstAttempt < 0) member.firstAttempt = attempt;
  member.lastAttempt = attempt;
  member.status = 'working';
  training.awaited -= 1;
  training.working += 1;
  output.configure(session, state.round, attempt, member.client);
}

/** A client has joined: it may be awaited, or may replace others. `fillLostPlaces` follows once all have joined. */
export function clientArrived(state: CoordinatorState, training: TrainingState, client: number, output: Output): void {
  const member = training.members.get(client);
  if (member === undefined) {
    if (training.spares !== null) addSpare(training.spares, client);
  } else if (member.status === 'awaited') {
    configureIfPresent(state, training, member, output);
  }
}

/** A client has left: its place waits for it, as for one that was absent from the start. */
export function clientDeparted(training: TrainingState, client: number): void {
  const member = training.members.get(client);
  if (member === undefined) {
    if (training.spares !== null) removeSpare(training.spares, client);
  } else if (member.status === 'working') {
    member.status = 'awaited';
    training.working -= 1;
    training.awaited += 1;
  }
}

/** Takes the place from a client that has not delivered. Its place must be filled or lost next. */
export function dropMember(
  state: CoordinatorState,
  training: TrainingState,
  member: Member,
  reason: string,
  output: Output,
): void {
  if (member.status === 'working') training.working -= 1;
  else training.awaited -= 1;
  member.status = 'dropped';
  if (member.lastAttempt < 0) return;
  output.settle(state, member.client, { round: state.round, attempt: member.lastAttempt, counted: false, reason });
}

/** Gives a free place to the next present client, which it returns; without one the place is lost. */
export function refillPlace(
  state: CoordinatorState,
  training: TrainingState,
  place: number,
  output: Output,
): number | undefined {
  const client = nextSpare(state, training);
  if (client === undefined) {
    training.places[place] = LOST;
    training.lostPlaces.push(place);
    return undefined;
  }
  removeSpare(sparesOf(state, training), client);
  occupy(state, training, place, client, output);
  return client;
}

/** Clients that have just joined take over what was lost before them. */
export function fillLostPlaces(state: CoordinatorState, training: TrainingState, output: Output): void {
  while (training.lostPlaces.length > 0 && nextSpare(state, training) !== undefined) {
    refillPlace(state, training, training.lostPlaces.pop()!, output);
  }
}

/**
 * Replaces clients that have not delivered, as far as there are others: first the absent ones, then, if wished, those
 * that still train. Whoever cannot be replaced keeps the place.
 * @returns how many were replaced
 */
export function replaceUnfinished(
  state: CoordinatorState,
  training: TrainingState,
  statuses: readonly ('awaited' | 'working')[],
  reason: string,
  output: Output,
): number {
  if (nextSpare(state, training) === undefined) return 0;
  let replaced = 0;
  // Taken before anyone is replaced: a client that has just come in has its time still before it.
  const unfinished = statuses.flatMap((status) => membersWith(training, status));
  for (const member of unfinished) {
    if (nextSpare(state, training) === undefined) break;
    dropMember(state, training, member, reason, output);
    refillPlace(state, training, member.place, output);
    replaced += 1;
  }
  return replaced;
}

/** Those that hold a place now and have this status, in the order of the places. */
export function membersWith(training: TrainingState, status: Member['status']): Member[] {
  const members: Member[] = [];
  for (const client of training.places) {
    const member = training.members.get(client);
    if (member?.status === status) members.push(member);
  }
  return members;
}

function nextSpare(state: CoordinatorState, training: TrainingState): number | undefined {
  const position = firstSpare(sparesOf(state, training));
  return position < 0 ? undefined : training.order[position];
}

function sparesOf(state: CoordinatorState, training: TrainingState): Spares {
  training.spares ??= createSpares(
    training.order,
    (client) => !training.members.has(client) && sessionOf(state.membership, client) !== undefined,
  );
  return training.spares;
}
