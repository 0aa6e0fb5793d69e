import { FedloomError } from '@fedloom/engine';
import type { ClientIndex } from '../../core/brands.js';
import { checkDelay, checkWhole } from './options.js';
import type { Output } from './output.js';
import { clientArrived, clientDeparted, clientsSettled, fillLostPlaces, openPlaces, replaceMissed } from './places.js';
import { describeProgress, refuseSession, updateRefusal } from './refusals.js';
import type { RoundContext, RoundsSettings, RoundsState } from './rounds-state.js';
import { fedmlSampling, type Sampler } from './sampling.js';
import type { CoordinatorState, Schedule } from './schedule.js';
import { advance, clientFailed, samplerFailed, setDeadline, trainingDeadline, updateReceived } from './training.js';
import type { Reason, UpdateTag } from './types.js';

export interface RoundsOptions {
  /** Size of a cohort; at most the number of clients. */
  readonly clientsPerRound: number;
  /** So many times as many clients are asked, at least 1; the first `clientsPerRound` that answer count. Default 1. */
  readonly overSelect?: number;
  /** How long a round waits for its cohort, in milliseconds. Default null: without end. */
  readonly deadlineMs?: number | null;
  /** Updates that suffice once the deadline has passed. Default: half of the cohort, rounded up. */
  readonly quorum?: number;
  /** How often the deadline of one round is extended before the run fails. Default 3. */
  readonly attemptsMax?: number;
  /** Default `fedmlSampling()`. */
  readonly sampler?: Sampler;
}

/**
 * Synchronous rounds (McMahan et al. 2017, arXiv 1602.05629): a cohort trains from one version, and the next version is made
 * when all its updates are in.
 *
 * The first `clientsPerRound` of the sampler's order have a place each. Those present are configured, the absent ones when
 * they join. One that leaves is absent, and configured again when it comes back, under the place's next attempt. An update
 * counts if its place waits for that client and the client was configured with its attempt, be it the last one or an earlier
 * one, on whatever session. Failed clients are replaced at once by the next present client of the order; with none, the place
 * is lost until somebody joins. Absent clients are replaced when the grace is over; without one, when nobody works any more.
 * At the deadline a quorum closes the round; otherwise whoever has not delivered is replaced, absent clients first, and the
 * deadline extended, until `attemptsMax` is spent. When all other places are lost, the round closes with a quorum, or fails.
 * Absent clients are waited for when nobody can replace them; but when all others are done, a quorum is there, and the grace of
 * those is over, the round closes.
 *
 * With `overSelect`, more have a place than updates are needed: the round closes with the first `clientsPerRound`. Whose updates these
 * are depends on who comes first, so that such a run is repeated by its record alone.
 *
 * The next round begins when the version is there and evaluated. Members whose last update is not settled yet are asked when it
 * is; the deadline begins then, and replacements are chosen then, so that they do not depend on how fast the disk is.
 */
export function rounds(options: RoundsOptions): Schedule {
  const { clientsPerRound } = options;
  const settings: RoundsSettings = {
    clientsPerRound,
    overSelect: options.overSelect ?? 1,
    deadlineMs: options.deadlineMs ?? null,
    quorum: options.quorum ?? Math.ceil(clientsPerRound / 2),
    attemptsMax: options.attemptsMax ?? 3,
    sampler: options.sampler ?? fedmlSampling(),
  };
  /** A reaction of the open round; nothing happens when none takes updates. */
  const when =
    <Given>(react: (context: RoundContext, given: Given) => void) =>
    (state: CoordinatorState, given: Given, output: Output): void => {
      const own = ownOf(state);
      const { training } = own;
      if (training !== null && !training.closed) react({ state, settings, own, training, output }, given);
    };
  return {
    name: 'rounds',
    taskNoun: 'round',
    quorum: settings.quorum,
    settings: { ...settings, sampler: settings.sampler.name },
    check: ({ clients }) => check(settings, clients),
    initial: (): RoundsState => ({ training: null, nextOrder: null }),
    resume: () => {},
    start: (state, output) => begin(state, settings, output),
    arrived: when(arrived),
    departed: when(departed),
    missed: when(missed),
    settled: when(settled),
    askedFrom: (state, client) => {
      const { training } = ownOf(state);
      return training?.members.has(client) ? training.base : undefined;
    },
    refuse: (state, tag) => refuse(state, settings, tag),
    lastTask: (state) => state.round,
    received: when(updateReceived),
    failed: when(clientFailed),
    deadline: when((context, timer) => {
      if (context.training.timer === timer) trainingDeadline(context);
    }),
    evaluated(state, output) {
      state.round += 1;
      begin(state, settings, output);
    },
  };
}

function begin(state: CoordinatorState, settings: RoundsSettings, output: Output): void {
  const own = ownOf(state);
  const training = openPlaces(state, settings, own, output);
  if (training === null) return samplerFailed(state, settings, output);
  const context: RoundContext = { state, settings, own, training, output };
  replaceMissed(context);
  fillLostPlaces(context);
  setDeadline(context);
  advance(context);
}

function arrived(context: RoundContext, clients: readonly ClientIndex[]): void {
  for (const client of clients) clientArrived(context, client);
  replaceMissed(context);
  fillLostPlaces(context);
  advance(context);
}

function departed(context: RoundContext, clients: readonly ClientIndex[]): void {
  for (const client of clients) clientDeparted(context, client);
  advance(context);
}

function missed(context: RoundContext, clients: readonly ClientIndex[]): void {
  replaceMissed(context, clients);
  advance(context);
}

function settled(context: RoundContext, clients: readonly ClientIndex[]): void {
  clientsSettled(context, clients);
  replaceMissed(context);
  fillLostPlaces(context);
  setDeadline(context);
  advance(context);
}

/** For tests and tools: the round that takes updates, or that took the last. */
export function ownOf(state: CoordinatorState): RoundsState {
  return state.collection as RoundsState;
}

function check(settings: RoundsSettings, clients: number): void {
  const { clientsPerRound, overSelect, quorum, attemptsMax, deadlineMs } = settings;
  checkWhole('clientsPerRound', clientsPerRound, 1, clients, 'the number of clients');
  checkWhole('quorum', quorum, 1, clientsPerRound, 'the clients of a round');
  checkWhole('attemptsMax', attemptsMax, 0, Number.MAX_SAFE_INTEGER);
  checkDelay('deadlineMs', deadlineMs, 1);
  if (overSelect >= 1 && Number.isFinite(overSelect)) return;
  const message = `overSelect is ${overSelect}; it must be a number of at least 1.`;
  const bounds = { minimum: 1, maximum: Number.MAX_VALUE };
  throw new FedloomError('coordinator.options', message, { option: 'overSelect', value: overSelect, ...bounds });
}

function refuse(state: CoordinatorState, { clientsPerRound }: RoundsSettings, tag: UpdateTag): Reason | null {
  const { client, task, attempt } = tag;
  const { firstRound, firstAttempt } = state.options;
  const whole = Number.isInteger(task) && task >= firstRound && task <= state.round;
  if (!whole || state.phase === 'waiting')
    return updateRefusal(state, tag, 'update.unknown-round', describeProgress(state));
  if (task < state.round) return updateRefusal(state, tag, 'update.late', describeProgress(state));
  const { training } = ownOf(state);
  const member = training?.members.get(client);
  if (member === undefined)
    return updateRefusal(state, tag, 'update.not-in-cohort', 'the client was not chosen for this round');
  const elsewhere = refuseSession(state, tag);
  if (elsewhere !== null) return elsewhere;
  if (member.status === 'folded')
    return updateRefusal(state, tag, 'update.repeated', 'the client already counts in this round');
  if (member.status === 'dropped') {
    return updateRefusal(state, tag, 'update.late', "the client's place in this round is lost or went to another");
  }
  if (training?.closed) return updateRefusal(state, tag, 'update.late', describeProgress(state));
  if (training !== null && training.folded >= clientsPerRound) {
    return updateRefusal(state, tag, 'update.late', 'the round has as many updates as it needs');
  }
  // A place's attempts go to one client in a row, so every whole number between first and last is one of its own. Those below
  // `firstAttempt` were given out before the server started anew: whether they fit, the base of the update says.
  const known = attempt >= member.firstAttempt || (attempt >= 0 && attempt < firstAttempt);
  if (Number.isInteger(attempt) && member.status === 'working' && known && attempt <= member.lastAttempt) return null;
  const last =
    member.lastAttempt < 0 ? 'not been configured yet' : `been configured with attempt ${member.lastAttempt}`;
  return updateRefusal(state, tag, 'update.unknown-attempt', `the client has ${last}`);
}
