import type { ClientIndex } from '../../core/brands.js';
import { addIdle, askAgain, drawOrder, dropAsk, removeIdle, restoreAsks, setAskTimer, vacate } from './asks.js';
import { advance, bufferDeadline, takeIn } from './buffer.js';
import {
  type BufferedAsk,
  type BufferedContext,
  type BufferedSettings,
  type BufferedState,
  openFold,
} from './buffered-state.js';
import { checkDelay, checkWhole } from './options.js';
import type { Output } from './output.js';
import type { Uncounted } from './reason-codes.js';
import { describeProgress, refuseSession, updateRefusal } from './refusals.js';
import { fedmlSampling, type Sampler } from './sampling.js';
import type { CoordinatorState, Schedule } from './schedule.js';
import { createSpares } from './spares.js';
import type { ResumePoint } from './state.js';
import type { Failure, Reason, UpdateTag } from './types.js';
import { stalenessOf } from './versions.js';

export interface BufferedOptions {
  /** Clients that train at the same time; at most the number of clients. */
  readonly concurrency: number;
  /** Counted updates that make a version; at most the number of clients. 1 is FedAsync. */
  readonly bufferSize: number;
  /** Versions that may have been made since the one that an update started from. Default null: any number. */
  readonly stalenessMax?: number | null;
  /** How long a client may take, in milliseconds, before it loses its place. Default null: without end. */
  readonly deadlineMs?: number | null;
  /** Updates that suffice for a version when no client is left to be asked. Default: half of the buffer, rounded up. */
  readonly quorum?: number;
  /** Default `fedmlSampling()`. */
  readonly sampler?: Sampler;
}

/**
 * Buffered asynchronous aggregation: FedBuff (Nguyen et al. 2021, arXiv 2106.06639), and with a buffer of one update FedAsync
 * (Xie et al. 2019, arXiv 1903.03934).
 *
 * `concurrency` clients have a place each and train, each from the version that was the newest when it was asked, under a task
 * of its own: how often it was asked before. Every `bufferSize` updates close the fold and make a version. Whose update was
 * folded gives its place to the next client of the sampler's order among those that may be asked: present, without a place,
 * with nothing unsettled. The orders are gone through one after the other, so that all are asked about equally often. Places
 * are filled when the version is on the disk, so that whoever resumes from there asks the same clients.
 *
 * An update that is more than `stalenessMax` versions old is refused, and its client settled. Clients that failed lose their
 * place until the next fold. One that leaves keeps its place until the grace, or its deadline, is over; without either, until
 * nobody works any more and another is there. When it comes back before, it is asked again from the same version. When
 * nobody works and nobody is left to be asked, the fold closes with a quorum, or fails; if clients are away, after the deadline.
 */
export function buffered(options: BufferedOptions): Schedule {
  const { concurrency, bufferSize } = options;
  const settings: BufferedSettings = {
    concurrency,
    bufferSize,
    stalenessMax: options.stalenessMax ?? null,
    deadlineMs: options.deadlineMs ?? null,
    quorum: options.quorum ?? Math.ceil(bufferSize / 2),
    sampler: options.sampler ?? fedmlSampling(),
  };
  const when =
    <Given>(react: (context: BufferedContext, given: Given) => void) =>
    (state: CoordinatorState, given: Given, output: Output): void =>
      react({ state, settings, own: ownOf(state), output }, given);
  return {
    name: 'buffered',
    taskNoun: 'its task',
    quorum: settings.quorum,
    settings: { ...settings, sampler: settings.sampler.name },
    check: ({ clients }) => check(settings, clients),
    initial: ({ clients }) => initial(clients),
    resume,
    start: (state, output) => start({ state, settings, own: ownOf(state), output }),
    arrived: when(arrived),
    departed: when(departed),
    missed: when(missed),
    settled: when(settled),
    askedFrom: (state, client) => ownOf(state).asks.get(client)?.base,
    refuse,
    lastTask: (state, client) => Math.max(0, (ownOf(state).tasks[client] ?? 0) - 1),
    received: when(received),
    failed: when(failed),
    deadline: when(bufferDeadline),
    evaluated: (state, output) => advance({ state, settings, own: ownOf(state), output }),
  };
}

function resume(state: CoordinatorState, { tasks, ongoing, position }: ResumePoint): void {
  const own = ownOf(state);
  for (const [client, count] of tasks) own.tasks[client] = count;
  restoreAsks(state, own, ongoing);
  const { clients } = state.options;
  own.epoch = Math.floor(position / clients);
  own.cursor = position % clients;
}

function start(context: BufferedContext): void {
  if (!drawOrder(context)) return;
  // After a restart: whoever trained then goes on, also from what is too old by now, as if there had been no restart.
  for (const asked of context.own.asks.values()) {
    setAskTimer(context, asked);
    askAgain(context, asked);
  }
  advance(context);
}

function arrived(context: BufferedContext, clients: readonly ClientIndex[]): void {
  for (const client of clients) {
    const asked = context.own.asks.get(client);
    if (asked === undefined) addIdle(context, client);
    else if (isStale(context, asked)) dropAsk(context, asked, stale(context, asked));
    else askAgain(context, asked);
  }
  advance(context);
}

function departed(context: BufferedContext, clients: readonly ClientIndex[]): void {
  const { own } = context;
  for (const client of clients) {
    removeIdle(context, client);
    const asked = own.asks.get(client);
    if (asked?.status !== 'working') continue;
    asked.status = 'awaited';
    own.working -= 1;
    own.fold.away.add(client);
  }
  advance(context);
}

function missed(context: BufferedContext, clients: readonly ClientIndex[]): void {
  const { state, own, output } = context;
  for (const client of clients) {
    const asked = own.asks.get(client);
    if (asked?.status !== 'awaited') continue;
    const message = `the client was away for longer than the grace of ${state.options.graceMs} ms`;
    vacate(context, asked, { code: 'client.away', message } satisfies Reason<Uncounted>);
    output.warn('client.replaced', `Client ${client} loses its place in round ${state.round + 1}: ${message}.`);
  }
  advance(context);
}

function settled(context: BufferedContext, clients: readonly ClientIndex[]): void {
  for (const client of clients) addIdle(context, client);
  advance(context);
}

function received(context: BufferedContext, tag: UpdateTag): void {
  const { session, client, task, attempt } = tag;
  const asked = context.own.asks.get(client);
  if (asked === undefined) return;
  if (isStale(context, asked)) {
    const reason = stale(context, asked);
    const refusal = updateRefusal(context.state, tag, 'update.stale', reason.message);
    context.output.push({ type: 'discard', session, client, task, attempt, ...refusal });
    dropAsk(context, asked, reason);
  } else {
    takeIn(context, asked, tag);
  }
  advance(context);
}

function failed(context: BufferedContext, { client, code, message, offence }: Failure): void {
  const { state, own, output } = context;
  const asked = own.asks.get(client);
  if (asked === undefined) return;
  own.fold.failed.add(client);
  vacate(context, asked, { code, message, ...(offence && { offence }) });
  output.push({ type: 'warn', code, message: `Client ${client} is lost to round ${state.round + 1}: ${message}` });
  advance(context);
}

export function ownOf(state: CoordinatorState): BufferedState {
  return state.collection as BufferedState;
}

function initial(clients: number): BufferedState {
  const order = Int32Array.from({ length: clients }, (_, client) => client);
  return {
    asks: new Map(),
    started: new Set(),
    working: 0,
    tasks: new Uint32Array(clients),
    idle: createSpares(order, () => false),
    order,
    epoch: 0,
    cursor: 0,
    timers: new Map(),
    vacated: [],
    barred: new Set(),
    fold: openFold(),
    done: false,
  };
}

function check(settings: BufferedSettings, clients: number): void {
  const { concurrency, bufferSize, stalenessMax, deadlineMs, quorum } = settings;
  checkWhole('concurrency', concurrency, 1, clients, 'the number of clients');
  checkWhole('bufferSize', bufferSize, 1, clients, 'the number of clients: each counts once in a buffer');
  if (stalenessMax !== null) checkWhole('stalenessMax', stalenessMax, 0, Number.MAX_SAFE_INTEGER);
  checkDelay('deadlineMs', deadlineMs, 1);
  checkWhole('quorum', quorum, 1, bufferSize, 'the updates of a buffer');
}

function isStale({ state, settings }: BufferedContext, { base }: BufferedAsk): boolean {
  return settings.stalenessMax !== null && stalenessOf(state, base) > settings.stalenessMax;
}

function stale({ state, settings }: BufferedContext, { base }: BufferedAsk): Reason<Uncounted> {
  const old = stalenessOf(state, base);
  const message =
    `it started from version ${base}, which is ${old} ${old === 1 ? 'version' : 'versions'} old; ` +
    `${settings.stalenessMax} ${settings.stalenessMax === 1 ? 'is' : 'are'} allowed`;
  return { code: 'update.stale', message };
}

function refuse(state: CoordinatorState, tag: UpdateTag): Reason | null {
  const { client, task, attempt } = tag;
  const own = ownOf(state);
  const tasks = own.tasks[client] ?? 0;
  if (!Number.isInteger(task) || task < 0 || task >= tasks || state.phase === 'waiting') {
    return updateRefusal(
      state,
      tag,
      'update.unknown-task',
      state.phase === 'waiting' ? describeProgress(state) : `the client was asked ${tasks} times`,
    );
  }
  const elsewhere = refuseSession(state, tag);
  if (elsewhere !== null) return elsewhere;
  const known = own.asks.get(client);
  if (known?.task !== task) {
    const folded = task === tasks - 1 && state.unsettled.has(client);
    return folded
      ? updateRefusal(state, tag, 'update.repeated', 'it is folded already')
      : updateRefusal(state, tag, 'update.late', 'the client has lost its place, or was asked for another since');
  }
  // Attempts below `firstAttempt` were given out before the server started anew: whether they fit, the base of the update says.
  const given = attempt >= known.firstAttempt || (attempt >= 0 && attempt < state.options.firstAttempt);
  if (Number.isInteger(attempt) && given && attempt <= known.lastAttempt) return null;
  return updateRefusal(
    state,
    tag,
    'update.unknown-attempt',
    `the client was configured with attempt ${known.lastAttempt}`,
  );
}
