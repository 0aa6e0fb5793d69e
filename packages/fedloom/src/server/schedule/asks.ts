/** Who has a place under `buffered`, and who gets the next. */
import { type ClientIndex, knownClient } from '../../core/brands.js';
import type { BufferedAsk, BufferedContext, BufferedState } from './buffered-state.js';
import { finish } from './finish.js';
import { sessionOf } from './membership.js';
import { notCounted } from './output.js';
import type { CoordinatorState } from './schedule.js';
import { addSpare, createSpares, firstSpare, nextSpare, removeSpare } from './spares.js';
import { barOf, barredClients } from './trust.js';
import type { Ongoing, Reason, UncountedClient } from './types.js';
import { holdVersion, releaseVersion } from './versions.js';

/** The attempt of one that was not asked yet. */
const NEVER = -1;

/** The client may be asked from now on, if it may. */
export function addIdle({ state, own }: BufferedContext, client: ClientIndex): void {
  if (mayBeAsked(state, own, client)) addSpare(own.idle, client);
}

export function removeIdle({ own }: BufferedContext, client: ClientIndex): void {
  removeSpare(own.idle, client);
}

function mayBeAsked(state: CoordinatorState, own: BufferedState, client: ClientIndex): boolean {
  if (own.asks.has(client) || own.fold.failed.has(client) || own.barred.has(client)) return false;
  return sessionOf(state.membership, client) !== undefined && !state.unsettled.has(client);
}

/** Takes out who may not be asked now, and back in whose time is over. To be called before anybody is asked. */
export function heedBars(context: BufferedContext): void {
  const { state, own } = context;
  for (const client of own.barred) {
    if (barOf(state.trust, client, state.round) !== undefined) continue;
    own.barred.delete(client);
    addIdle(context, client);
  }
  for (const client of barredClients(state.trust, state.round)) {
    own.barred.add(client);
    removeIdle(context, client);
  }
}

export function someoneIdle({ own }: BufferedContext): boolean {
  return firstSpare(own.idle) >= 0;
}

/** Takes up an epoch's order. @returns false when the sampler gave no permutation: the run is over then */
export function drawOrder({ state, settings, own, output }: BufferedContext): boolean {
  const { clients } = state.options;
  const { sampler, concurrency } = settings;
  const order = sampler.permutation(own.epoch, clients, concurrency);
  const seen = new Uint8Array(clients);
  for (const client of order) if (client >= 0 && client < clients) seen[client] = 1;
  if (order.length !== clients || seen.includes(0)) {
    const message = `Sampler ${sampler.name} gave no permutation of the ${clients} clients for order ${own.epoch}; mend the sampler.`;
    finish(state, 'failed', 'sampler.permutation', message, output);
    return false;
  }
  own.order = order;
  own.idle = createSpares(order, (client) => mayBeAsked(state, own, client));
  return true;
}

/** Gives the free places away, as far as there are clients. */
export function fill(context: BufferedContext): void {
  const { state, settings, own } = context;
  while (own.asks.size < settings.concurrency) {
    const client = nextIdle(context);
    if (client === undefined) return;
    removeSpare(own.idle, client);
    const task = own.tasks[client] ?? 0;
    own.tasks[client] = task + 1;
    own.started.add(client);
    place(state, own, { client, base: state.version, task, attempt: NEVER });
    const vacated = own.vacated.shift();
    if (vacated !== undefined) own.fold.replaced.push({ client: vacated.client, by: client, reason: vacated.reason });
    const asked = own.asks.get(client);
    if (asked !== undefined) askAgain(context, asked);
  }
}

function nextIdle(context: BufferedContext): ClientIndex | undefined {
  const { own } = context;
  if (!someoneIdle(context)) return undefined;
  let at = nextSpare(own.idle, own.cursor);
  if (at < 0) {
    own.epoch += 1;
    if (!drawOrder(context)) return undefined;
    at = firstSpare(own.idle);
  }
  own.cursor = at + 1;
  const client = own.order[at];
  return client === undefined ? undefined : knownClient(client);
}

/** After a restart: whoever trained then has its place, and is asked again when it joins. */
export function restoreAsks(state: CoordinatorState, own: BufferedState, ongoing: readonly Ongoing[]): void {
  for (const one of ongoing) {
    const { client, task } = one;
    place(state, own, one);
    own.tasks[client] = Math.max(own.tasks[client] ?? 0, task + 1);
  }
}

function place(state: CoordinatorState, own: BufferedState, { client, base, task, attempt }: Ongoing): void {
  const asked = { client, base, task, firstAttempt: attempt, lastAttempt: attempt, timer: null };
  own.asks.set(client, { ...asked, status: 'awaited' });
  holdVersion(state, base);
}

/** Asks a client that has a place and is there. */
export function askAgain(context: BufferedContext, asked: BufferedAsk): void {
  const { state, own, output } = context;
  const { client, base, task } = asked;
  const session = sessionOf(state.membership, client);
  if (session === undefined || asked.status === 'working') return;
  const attempt = Math.max(asked.lastAttempt + 1, state.options.firstAttempt);
  if (asked.firstAttempt < 0) asked.firstAttempt = attempt;
  asked.lastAttempt = attempt;
  asked.status = 'working';
  own.working += 1;
  output.clearTimer(state, own.fold.timer);
  own.fold.timer = null;
  output.configure(session, { client, base, task, attempt });
  setAskTimer(context, asked);
}

/** Unless it runs. */
export function setAskTimer({ state, settings, own, output }: BufferedContext, asked: BufferedAsk): void {
  const { client, task } = asked;
  if (settings.deadlineMs === null || asked.timer !== null) return;
  asked.timer = `ask:${client}:${task}`;
  own.timers.set(asked.timer, client);
  output.setTimer(state, asked.timer, settings.deadlineMs);
}

/** The client gives up its place. */
export function freePlace({ state, own, output }: BufferedContext, asked: BufferedAsk): void {
  if (asked.status === 'working') own.working -= 1;
  own.asks.delete(asked.client);
  own.started.delete(asked.client);
  if (asked.timer === null) return;
  own.timers.delete(asked.timer);
  output.clearTimer(state, asked.timer);
}

/** Why a client's update does not count, and what that says of the client. */
type Loss = Reason & Pick<UncountedClient, 'offence' | 'silent'>;

/** Takes the place from a client whose update does not count, and tells it. */
export function dropAsk(context: BufferedContext, asked: BufferedAsk, reason: Loss): void {
  const { state, own, output } = context;
  const { client, base, task, lastAttempt } = asked;
  freePlace(context, asked);
  own.fold.uncounted.push({ client, task, attempt: lastAttempt < 0 ? null : lastAttempt, ...reason });
  if (lastAttempt >= 0) {
    output.settle(state, client, { task, attempt: lastAttempt, ...notCounted(reason) });
  }
  releaseVersion(state, base, output);
  addIdle(context, client);
}

/** As `dropAsk`, for another client to take the place over. */
export function vacate(context: BufferedContext, asked: BufferedAsk, reason: Loss): void {
  context.own.vacated.push({ client: asked.client, reason: reason.message });
  dropAsk(context, asked, reason);
}
