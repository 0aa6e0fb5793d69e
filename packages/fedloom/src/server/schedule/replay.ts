import type { ClientIndex, VersionNumber } from '../../core/brands.js';
import { finish } from './finish.js';
import { closeFold } from './folds.js';
import { sessionOf } from './membership.js';
import type { Output } from './output.js';
import { describeClients } from './ranges.js';
import { type RecordedCourse, type RecordedFold, type RecordedUpdate, recordedCourse } from './recorded-course.js';
import { refuseSession, updateRefusal } from './refusals.js';
import type { CoordinatorState, Schedule } from './schedule.js';
import type { Failure, Reason, RoundDecision, UpdateTag } from './types.js';
import { takeUpdate } from './updates.js';
import { holdVersion } from './versions.js';

/** The schedule of a replay, and what its shell must know of it. */
export interface ReplaySchedule extends Schedule {
  /** The most updates that its shell may have to hold until it is their turn. */
  readonly heldMax: number;
  /** Whether it is this update's turn, or nobody waits for it: else the shell is to hold it. */
  isDue(state: CoordinatorState, tag: Pick<UpdateTag, 'client' | 'task'>): boolean;
}

/** Plain data. */
interface ReplayState {
  /** By client: which of its recorded updates it is asked for next. */
  readonly next: Uint32Array;
  /** Who trains. */
  readonly asked: Map<ClientIndex, RecordedUpdate>;
  /** By round: updates that are not in yet. */
  readonly missing: Uint32Array;
  /** By version: updates that are not in yet and were taken in while it was the newest. */
  readonly due: Map<VersionNumber, number>;
  closed: number;
  /** Folds of which it is known what they made. */
  concluded: number;
}

interface ReplayContext {
  readonly state: CoordinatorState;
  readonly course: RecordedCourse;
  readonly own: ReplayState;
  readonly output: Output;
}

/**
 * Follows the decisions of an earlier run, whatever its schedule was: exactly those clients train whose updates were folded,
 * under the same task and from the same version, and each update goes into the same fold. It is taken in while the version is
 * the newest that was so then, since that says how much it counts: to see to that is for the shell (`isDue`), as it holds
 * what comes too early. Training that was lost, late or refused is not done again, since it left no trace.
 *
 * A void round is folded as it was, and is void again for the reason that it was; the shell compares what came of each round.
 * All clients must be there from the start to the end: one that leaves, or cannot train, ends the run as failed.
 *
 * @throws FedloomError `replay.decisions` for what no run can have decided
 */
export function replay(folds: readonly RecordedFold[], clients: number): ReplaySchedule {
  const course = recordedCourse(folds, clients);
  const inContext = (state: CoordinatorState, output: Output) => ({ state, course, own: ownOf(state), output });
  return {
    name: 'replay',
    taskNoun: 'its task',
    quorum: 0,
    settings: {},
    heldMax: course.aheadMax,
    check: () => {},
    initial: () => initial(course, clients),
    resume: () => {},
    start: (state, output) => start(inContext(state, output)),
    arrived: () => {},
    departed: (state, gone, output) => left(state, gone, output),
    missed: () => {},
    settled: (state, clients, output) => askAll(inContext(state, output), clients),
    askedFrom: (state, client) => ownOf(state).asked.get(client)?.base,
    lastTask: (state, client) => ownOf(state).asked.get(client)?.task ?? 0,
    refuse: (state, tag) => refuse(state, tag),
    received: (state, tag, output) => received(inContext(state, output), tag),
    failed: (state, event, output) => failed(state, event, output),
    deadline: () => {},
    evaluated: (state, output) => evaluated(inContext(state, output)),
    evaluators: (round) => folds[round]?.evaluators,
    isDue(state, { client, task }) {
      const asked = ownOf(state).asked.get(client);
      return state.phase !== 'running' || asked?.task !== task || asked.newest === state.version;
    },
  };
}

function ownOf(state: CoordinatorState): ReplayState {
  return state.collection as ReplayState;
}

function initial({ folds, takenAt }: RecordedCourse, clients: number): ReplayState {
  return {
    next: new Uint32Array(clients),
    asked: new Map(),
    missing: Uint32Array.from(folds, ({ updates }) => updates.length),
    due: new Map(takenAt),
    closed: 0,
    concluded: 0,
  };
}

function start(context: ReplayContext): void {
  const { state, course } = context;
  for (const updates of course.ofClient.values()) for (const { base } of updates) holdVersion(state, base);
  askAll(context, course.ofClient.keys());
}

/** Asks those clients for their next update that are free, and whose version is there. */
function askAll({ state, course, own, output }: ReplayContext, clients: Iterable<ClientIndex>): void {
  for (const client of clients) {
    const update = course.ofClient.get(client)?.[own.next[client] ?? 0];
    const session = sessionOf(state.membership, client);
    if (update === undefined || session === undefined || update.base > state.version) continue;
    if (own.asked.has(client) || state.unsettled.has(client)) continue;
    own.asked.set(client, update);
    output.configure(session, {
      ...{ client, base: update.base, task: update.task },
      attempt: state.options.firstAttempt,
    });
  }
}

function received(context: ReplayContext, tag: UpdateTag): void {
  const { state, own, output } = context;
  const { client } = tag;
  const update = own.asked.get(client);
  if (update === undefined) return;
  const { round, base, newest } = update;
  own.asked.delete(client);
  own.next[client] = (own.next[client] ?? 0) + 1;
  own.missing[round] = (own.missing[round] ?? 0) - 1;
  own.due.set(newest, (own.due.get(newest) ?? 0) - 1);
  takeUpdate(state, tag, base, output, round);
  advance(context);
}

function evaluated(context: ReplayContext): void {
  const { state, course, own } = context;
  own.concluded += 1;
  state.round = Math.min(own.concluded, course.folds.length - 1);
  askAll(context, course.startingFrom.get(state.version) ?? []);
  advance(context);
}

/**
 * Closes the fold that is next when all of its updates are in, and all others that are to be taken in before there is another
 * version. To be called after each change.
 */
function advance({ state, course, own, output }: ReplayContext): void {
  const fold = course.folds[own.closed];
  if (fold === undefined || own.closed > own.concluded || own.missing[own.closed] !== 0) return;
  if (!fold.isVoid && (own.due.get(state.version) ?? 0) > 0) return;
  own.closed += 1;
  closeFold(state, decide(state, fold, own.closed - 1), output);
}

function decide({ options }: CoordinatorState, { updates }: RecordedFold, round: number): RoundDecision {
  const counted = [...updates].sort((a, b) => a.client - b.client);
  return {
    round,
    cohort: counted.map(({ client }) => client),
    counted: counted.map((update) => ({ ...update, attempt: options.firstAttempt })),
    uncounted: [],
    replaced: [],
    awaited: [],
    started: [],
    position: 0,
    voided: null,
    voidUpdates: [],
  };
}

function refuse(state: CoordinatorState, tag: UpdateTag): Reason | null {
  const elsewhere = refuseSession(state, tag);
  if (elsewhere !== null) return elsewhere;
  const { client, task, attempt } = tag;
  if (ownOf(state).asked.get(client)?.task !== task) {
    return updateRefusal(
      state,
      tag,
      'update.unknown-task',
      'the client was not asked for it, or has brought it already',
    );
  }
  if (attempt === state.options.firstAttempt) return null;
  return updateRefusal(state, tag, 'update.unknown-attempt', 'a replay asks once');
}

function failed(state: CoordinatorState, { client, task, code, message }: Failure, output: Output): void {
  const round = (ownOf(state).asked.get(client)?.round ?? state.round) + 1;
  const text =
    `Client ${client} cannot do again what it did for round ${round} (its task ${task + 1}): ${message} (${code}) ` +
    "A replay trains all clients here, on the data that the task deals to them: see that the task's data are those of the run.";
  finish(state, 'failed', 'replay.client-failed', text, output);
}

function left(state: CoordinatorState, clients: readonly ClientIndex[], output: Output): void {
  const message = `The replay has lost ${describeClients(clients)}, and it needs all of its clients. Start it again.`;
  finish(state, 'failed', 'replay.client-left', message, output);
}
