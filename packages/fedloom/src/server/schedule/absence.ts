/** Who is away and for how long: the grace before others take a place, and the wait for the first clients. */
import { type ClientIndex, knownClient } from '../../core/brands.js';
import type { IndexRange } from '../../protocol/messages.js';
import { finish } from './finish.js';
import { sessionOf } from './membership.js';
import type { Output } from './output.js';
import { appendIndex, describeRanges } from './ranges.js';
import type { CoordinatorState } from './schedule.js';
import type { Absence } from './state.js';

const WAIT_TIMER = 'clients';

export function createAbsence(clients: number): Absence {
  return {
    missed: new Uint8Array(clients),
    departures: new Uint32Array(clients),
    graces: new Map(),
    graceCount: 0,
    opened: false,
    notices: 0,
    leftAfter: new Map(),
  };
}

export function isMissed({ absence }: CoordinatorState, client: ClientIndex): boolean {
  return absence.missed[client] === 1;
}

export function noteArrival({ absence }: CoordinatorState, client: ClientIndex): void {
  absence.missed[client] = 0;
  absence.leftAfter.delete(client);
}

export function noteDeparture({ absence, phase }: CoordinatorState, client: ClientIndex): void {
  absence.departures[client] = (absence.departures[client] ?? 0) + 1;
  if (phase === 'waiting') absence.leftAfter.set(client, absence.notices);
}

/** These clients are away from now on. */
export function startGrace(state: CoordinatorState, clients: readonly ClientIndex[], output: Output): void {
  const { absence, options } = state;
  if (options.graceMs === null || clients.length === 0 || state.phase === 'finished') return;
  if (options.graceMs === 0) return endGrace(state, clients, output);
  const timer = `grace:${absence.graceCount}`;
  absence.graceCount += 1;
  absence.graces.set(
    timer,
    clients.map((client) => ({ client, departures: absence.departures[client] ?? 0 })),
  );
  output.setTimer(state, timer, options.graceMs);
}

/** The first round begins: those who never joined have their grace as well. */
export function startGraceOfAbsent(state: CoordinatorState, output: Output): void {
  const { membership, absence, options } = state;
  absence.leftAfter.clear();
  if (options.graceMs === null || membership.present === options.clients) return;
  const absent: ClientIndex[] = [];
  for (const [index, times] of absence.departures.entries()) {
    const client = knownClient(index);
    if (times === 0 && sessionOf(membership, client) === undefined) absent.push(client);
  }
  startGrace(state, absent, output);
}

/** @returns whether the timer was one of these */
export function graceDeadline(state: CoordinatorState, timer: string, output: Output): boolean {
  const { absence, membership } = state;
  const waits = absence.graces.get(timer);
  if (waits === undefined) return false;
  absence.graces.delete(timer);
  const away = waits.filter(
    ({ client, departures }) =>
      absence.departures[client] === departures && sessionOf(membership, client) === undefined,
  );
  endGrace(
    state,
    away.map(({ client }) => client),
    output,
  );
  return true;
}

function endGrace(state: CoordinatorState, clients: readonly ClientIndex[], output: Output): void {
  for (const client of clients) state.absence.missed[client] = 1;
  if (clients.length > 0 && state.phase === 'running') state.options.schedule.missed(state, clients, output);
}

/** The server takes clients: the wait for them begins. */
export function startWaiting(state: CoordinatorState, output: Output): void {
  if (state.phase !== 'waiting' || state.absence.opened) return;
  state.absence.opened = true;
  const { waitForClientsMs } = state.options;
  if (waitForClientsMs !== null) output.setTimer(state, WAIT_TIMER, waitForClientsMs);
  setNotice(state, output);
}

export function stopWaiting(state: CoordinatorState, output: Output): void {
  output.clearTimer(state, WAIT_TIMER);
  output.clearTimer(state, noticeTimer(state));
}

/** @returns whether the timer was one of these */
export function waitingDeadline(state: CoordinatorState, timer: string, output: Output): boolean {
  const { waitForClientsMs } = state.options;
  if (state.phase !== 'waiting') return false;
  if (timer === WAIT_TIMER) {
    const message =
      `The run did not start: after ${seconds(waitForClientsMs ?? 0)} ${describeWait(state, 'between notices')}. ` +
      'Start the missing clients, wait for longer (waitForClientsMs), or start with fewer (minimumClients).';
    finish(state, 'failed', 'run.clients-missing', message, output);
    return true;
  }
  if (timer !== noticeTimer(state)) return false;
  state.absence.notices += 1;
  const waitedMs = state.absence.notices * (state.options.noticeEveryMs ?? 0);
  output.warn('run.waiting', `The first round has been waiting for ${seconds(waitedMs)}: ${describeWait(state)}.`);
  setNotice(state, output);
  return true;
}

function setNotice(state: CoordinatorState, output: Output): void {
  const { noticeEveryMs } = state.options;
  if (noticeEveryMs !== null) output.setTimer(state, noticeTimer(state), noticeEveryMs);
}

function noticeTimer({ absence }: CoordinatorState): string {
  return `notice:${absence.notices}`;
}

/** `1 of 3 clients is there; client 1 has never joined; client 2 left up to 10 s ago`. */
function describeWait(state: CoordinatorState, at: 'a notice' | 'between notices' = 'a notice'): string {
  const { membership, absence, options } = state;
  const never: IndexRange[] = [];
  const leftBy = new Map<number, IndexRange[]>();
  for (let index = 0; index < options.clients; index++) {
    const client = knownClient(index);
    if (sessionOf(membership, client) !== undefined) continue;
    const after = absence.leftAfter.get(client);
    if (after === undefined) appendIndex(never, client);
    else {
      const ranges = leftBy.get(after) ?? [];
      leftBy.set(after, ranges);
      appendIndex(ranges, client);
    }
  }
  const { present } = membership;
  const needed = options.minimumClients < options.clients ? `, ${options.minimumClients} are needed` : '';
  const parts = [`${present} of ${options.clients} clients ${present === 1 ? 'is' : 'are'} there${needed}`];
  if (never.length > 0) parts.push(`${named(never)} ${isOne(never) ? 'has' : 'have'} never joined`);
  for (const [after, ranges] of [...leftBy].sort(([a], [b]) => a - b)) {
    const notices = absence.notices - after + (at === 'a notice' ? 0 : 1);
    const agoMs = Math.min(
      notices * (options.noticeEveryMs ?? 0),
      options.waitForClientsMs ?? Number.POSITIVE_INFINITY,
    );
    parts.push(`${named(ranges)} left${options.noticeEveryMs === null ? '' : ` up to ${seconds(agoMs)} ago`}`);
  }
  return parts.join('; ');
}

function named(ranges: readonly IndexRange[]): string {
  return `${isOne(ranges) ? 'client' : 'clients'} ${describeRanges(ranges)}`;
}

function isOne(ranges: readonly IndexRange[]): boolean {
  return ranges.length === 1 && ranges[0]?.count === 1;
}

function seconds(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${Math.round(ms / 100) / 10} s`;
}
