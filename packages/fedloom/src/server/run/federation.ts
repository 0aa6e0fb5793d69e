import { FedloomError } from '@fedloom/engine';
import { type Hash, versionNumber } from '../../core/brands.js';
import { freeBytes } from '../../core/byte-memory.js';
import type { BestModel, RoundRecord, RunResult } from '../../core/records.js';
import type { Session } from '../lobby/session.js';
import type { SessionDoor } from '../lobby/session-door.js';
import { initialState, isQuiet, step } from '../schedule/coordinator.js';
import { clientsOf, presentRanges } from '../schedule/membership.js';
import { refuseUpdate } from '../schedule/refusals.js';
import { resumeState } from '../schedule/resume.js';
import type { CoordinatorState } from '../schedule/schedule.js';
import type { CoordinatorEffect, CoordinatorEvent } from '../schedule/types.js';
import { Aggregation } from './aggregation.js';
import { Candidates } from './candidates.js';
import { Farewell } from './farewell.js';
import type { FederationEvents, FederationOptions, SavedModels } from './federation-options.js';
import { type HeldUpdate, Incoming, type Input } from './incoming.js';
import { IndexOwners } from './index-owners.js';
import { MetricWatch, noSuchMetric } from './metric-watch.js';
import { type Effect, Outgoing } from './outgoing.js';
import { noPersistence, type Persistence } from './persistence.js';
import { reasonOf } from './reason-of.js';
import { RecordedTurns } from './recorded-turns.js';
import { Refusals } from './refusals.js';
import { RoundBooks } from './round-books.js';
import { type Ending, RunEnd } from './run-end.js';
import { type LateUpdate, StagedUpdates } from './staged-updates.js';
import { type Holder, Steering } from './steering.js';
import type { Turns } from './turns.js';
import { UpdateBounds } from './update-bounds.js';
import { tellUpdateHash } from './update-hash.js';
import { type ModelVersion, Versions, type VersionsOptions } from './versions.js';
import { VirtualTurns } from './virtual-turns.js';

/**
 * The server of one run: the coordinator's shell. It steps the coordinator and has its effects performed: what sessions say
 * (`Incoming`), what they are told (`Outgoing`), the fold (`Aggregation`), the model (`Versions`), a closed fold's way
 * (`Candidates`), the records (`RoundBooks`), the end (`RunEnd`). It knows no connections: sessions come from the lobby.
 */
export class Federation {
  readonly #options: FederationOptions;
  readonly #persistence: Persistence;
  readonly #versions: Versions;
  readonly #aggregation: Aggregation;
  readonly #staged: StagedUpdates;
  readonly #door: SessionDoor;
  readonly #farewell: Farewell;
  readonly #outgoing: Outgoing;
  readonly #books: RoundBooks;
  readonly #candidates: Candidates;
  readonly #end: RunEnd;
  readonly #turns: Turns | undefined;
  readonly #refusals: Refusals;
  readonly #timers = new Map<string, () => void>();
  readonly #abort = new AbortController();
  readonly #queue: Input[] = [];
  readonly #watch: MetricWatch;
  /** What an operator wishes. */
  readonly steering = new Steering(() => this.sessions);
  /** The model of the best round, where it is kept. */
  #best: ModelVersion | undefined;
  /** Names of results that were recorded. */
  readonly #seenNames = new Set<string>();
  #state: CoordinatorState;
  /** Settles when the round whose results are being put together is on record. */
  #recording: Promise<void> | undefined;
  #stepping = false;

  constructor(options: FederationOptions) {
    this.#options = options;
    const { workload, algorithm, chain, hash, coordinator, resumed } = options;
    this.#persistence = options.persistence ?? noPersistence;
    const totalClients = coordinator.clients;
    this.#versions = versionsOf({ workload, algorithm, totalClients, hash }, resumed?.takeSaved());
    const bounds = new UpdateBounds(options.bounds ?? { given: {} });
    this.#aggregation = new Aggregation({ ...options, bounds });
    const serverHalves = chain.stages.filter(({ stage }) => stage.server !== undefined);
    this.#staged = new StagedUpdates(serverHalves.map(({ stage }) => stage.name));
    const { point, records = [] } = resumed ?? {};
    this.#watch = new MetricWatch(options.watch ?? {});
    for (const record of records) this.#note(record);
    const { best } = this.#watch;
    if (best !== undefined) this.#best = this.#versions.get(versionNumber(best.version));
    this.#state = resumed === undefined ? initialState(coordinator) : resumeState(coordinator, resumed.point);
    const dispatch = (input: Input) => this.#dispatch(input);
    this.#refusals = new Refusals({
      clock: options.clock,
      tellUntold: (count, peer) => {
        const message = `${count} more refusals of ${peer} are left out here.`;
        options.events.emit('warning', { code: 'peer.refusals', message });
      },
    });
    const incoming = new Incoming({
      ...options,
      clients: totalClients,
      versions: this.#versions,
      aggregation: this.#aggregation,
      staged: this.#staged,
      owners: new IndexOwners(options.owners),
      refused: ({ peer }, refused) => this.#tellRefused(peer, refused),
      refusal: (tag) => refuseUpdate(this.#state, tag),
      unwantedEvaluation: (session) => this.#unwanted(session),
      askedFrom: (client) => this.#state.options.schedule.askedFrom(this.#state, client),
      dispatch,
      trained: (input, tag) => {
        if (this.#turns === undefined) return dispatch(input());
        const taken = this.#turns.arrived(input, tag);
        this.#turns.goOn();
        return taken;
      },
    });
    this.#door = options.lobby.openDoor({
      ...options,
      welcome: welcomeOf(options, this.#versions.frozen?.hash),
      onMessage: (session, message, body) => {
        if (message.type === 'join') this.steering.bans.check(session, message.clients);
        return incoming.receive(session, message, body);
      },
      wants: (session, message) => incoming.wants(session, message),
      takesPart: ({ id }) => this.#state.membership.slots.has(id),
      onFailure: (error) => this.fail(error),
      onClosed: (session, reason) => {
        const tookPart = this.#state.membership.slots.has(session.id);
        const late = this.#staged.sessionClosed(session.id);
        this.#farewell.closed(clientsOf(this.#state.membership, session.id), reason);
        this.#dispatch({ event: { type: 'sessionClosed', session: session.id } });
        this.#tellLate(late);
        this.#tellLeft(session, reason, tookPart);
      },
    });
    this.#farewell = new Farewell({
      clients: totalClients,
      clock: options.clock,
      waitMs: options.farewellMs ?? 0,
      cameBefore: resumed !== undefined,
      door: this.#door,
      present: () => this.present,
      takesPart: (session) => this.#state.membership.slots.has(session),
      onWaiting: (message) => options.events.emit('warning', { code: 'run.farewell', message }),
    });
    this.#outgoing = new Outgoing(this.#door, this.#versions);
    this.#books = new RoundBooks({ ...options, reported: options.workload.reported, bytes: () => this.#door.bytes });
    this.#turns = this.#turnsOf(options, dispatch);
    this.#candidates = new Candidates({
      ...options,
      versions: this.#versions,
      aggregation: this.#aggregation,
      bounds,
      books: this.#books,
      persistence: this.#persistence,
      signal: this.#abort.signal,
      dispatch: (event) => this.#dispatch({ event }),
      fail: (error) => this.fail(error),
      virtualTime: () => this.#turns?.time ?? null,
      stopped: () => this.#watch.stopped !== undefined,
      paused: () => this.steering.until,
      kept: () => this.#best,
    });
    this.#end = new RunEnd({
      ...options,
      versions: this.#versions,
      persistence: this.#persistence,
      farewell: (finish) => this.#farewell.say(finish),
      rounds: (point?.firstRound ?? 0) - (point?.unrecorded === undefined ? 0 : 1),
      lastEvaluated: resumed?.lastEvaluated,
      stopped: () => this.#watch.stopped,
      best: () => this.#bestModel(),
    });
    if (resumed === undefined) this.#persistence.made(this.#versions.newest);
    else if (point?.unrecorded && resumed.unrecorded) this.#books.restore(point.unrecorded.round, resumed.unrecorded);
  }

  #turnsOf({ virtual, isDue, seed }: FederationOptions, dispatch: (input: Input) => void): Turns | undefined {
    if (isDue) return new RecordedTurns({ isDue: (tag) => isDue(this.#state, tag), dispatch });
    return virtual && new VirtualTurns({ ...virtual, seed, isQuiet: () => isQuiet(this.#state), dispatch });
  }

  /** Settles when the run is over; rejects when it failed. */
  get result(): Promise<RunResult> {
    return this.#end.result;
  }

  /** Clients that have joined and not left. */
  get present(): number {
    return this.#state.membership.present;
  }

  get isOver(): boolean {
    return this.#end.isOver;
  }

  /** Bytes over all sessions so far. */
  get bytes(): { readonly up: number; readonly down: number } {
    return this.#door.bytes;
  }

  /** Those that hold clients, with them. */
  get sessions(): readonly Holder[] {
    return [...presentRanges(this.#state.membership)].flatMap(([id, clients]) => {
      const session = this.#door.get(id);
      return session === undefined ? [] : [{ session, clients }];
    });
  }

  /** Clients may come: the wait for them begins. */
  open(): void {
    // Of what the run began with, the first version is left.
    this.#options.collectGarbage?.();
    this.#dispatch({ event: { type: 'opened' } });
    // It was decided when an earlier process ended.
    this.#stopIfDecided();
  }

  /** Ends the run: the model as it stands after the last finished round is the result. */
  cancel(message = 'The run was cancelled.'): void {
    this.#farewell.cut();
    this.#dispatch({ event: { type: 'abort', reason: 'cancelled', code: 'run.cancelled', message } });
  }

  /** Ends the run as failed, for a reason outside the protocol. */
  fail(error: unknown): void {
    this.#end.failing(error);
    this.#farewell.cut();
    this.#dispatch({ event: { type: 'abort', reason: 'failed', ...reasonOf(error) } });
  }

  /** Steps the coordinator; what an effect brings about at once waits for its turn. */
  #dispatch(input: Input): void {
    this.#queue.push(input);
    if (this.#stepping) return;
    this.#stepping = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        for (const effect of this.#step(next.event)) this.#attempt(effect, next);
      }
    } finally {
      this.#stepping = false;
    }
    this.#turns?.goOn();
    this.#farewell.goOn();
  }

  #step(event: CoordinatorEvent): readonly CoordinatorEffect[] {
    // After a failure within a step the state is not to be trusted with another.
    if (this.#end.isOver && this.#state.phase !== 'finished') return [];
    try {
      const { state, effects } = step(this.#state, event);
      this.#state = state;
      return effects;
    } catch (error) {
      // Only what the user gave can throw here: the sampler. The state may be half changed, so the run ends.
      this.#finish({ reason: 'failed', ...reasonOf(error) }, error);
      this.#options.events.emit('warning', { code: 'server.failed', message: String(error) });
      return [];
    }
  }

  /** Performs one effect; whatever it throws, the others of the step are performed too. */
  #attempt(effect: CoordinatorEffect, input: Input): void {
    try {
      this.#perform(effect, input);
    } catch (error) {
      const session = 'session' in effect ? this.#door.get(effect.session) : undefined;
      if (session !== undefined && error instanceof FedloomError) session.channel.fail(error);
      else this.fail(error);
    }
  }

  #perform(effect: CoordinatorEffect, input: Input): void {
    const { events } = this.#options;
    switch (effect.type) {
      case 'acceptJoin':
        return this.#acceptJoin(effect);
      case 'refuseJoin':
        return this.#outgoing.refuseJoin(effect);
      case 'takeOver':
        events.emit('warning', { code: effect.code, message: effect.message });
        return this.#outgoing.takeOver(effect);
      case 'configure':
        this.#books.begun(this.#state.round);
        this.#turns?.asked(effect.clients, effect.task);
        return this.#outgoing.configure(effect);
      case 'fold':
        return this.#fold(effect, input.update);
      case 'discard':
        this.#refuse(effect.session, { ...effect, round: effect.task });
        return;
      case 'settle':
        this.#turns?.cancelled(effect.clients, effect.task);
        return this.#settle(effect);
      case 'aggregate':
        // The end is decided, and comes next.
        return this.#watch.stopped === undefined ? this.#candidates.aggregate(effect) : undefined;
      case 'persist':
        return this.#candidates.persist(effect, this.#recording);
      case 'dropVersion':
        this.#versions.drop(effect.number);
        return this.#options.collectGarbage?.();
      case 'requestEvaluation':
        return this.#outgoing.requestEvaluation(effect);
      case 'evaluateOnServer':
        void this.#candidates.evaluate(effect.round);
        return;
      case 'recordEvaluation':
        if (input.evaluation) this.#books.evaluated(effect.round, effect.client, input.evaluation);
        return;
      case 'discardEvaluation':
        this.#unwanted(this.#door.get(effect.session));
        this.#refuse(effect.session, effect);
        return;
      case 'roundFinished':
        return this.#finishRound(effect);
      case 'setTimer': {
        const fire = () => {
          this.#timers.delete(effect.timer);
          this.#dispatch({ event: { type: 'deadline', timer: effect.timer } });
        };
        this.#timers.set(effect.timer, this.#options.clock.setTimer(effect.delayMs, fire));
        return;
      }
      case 'clearTimer':
        this.#timers.get(effect.timer)?.();
        this.#timers.delete(effect.timer);
        return;
      case 'warn':
        events.emit('warning', effect);
        return;
      case 'finish':
        // Whoever ends a run early does not wait for results.
        return effect.reason === 'completed' ? this.#afterRecording(() => this.#finish(effect)) : this.#finish(effect);
      case 'dismiss':
        this.#farewell.dismiss(effect.session);
    }
  }

  #acceptJoin(effect: Effect<'acceptJoin'>): void {
    this.#farewell.joined(effect.ranges);
    const session = this.#outgoing.acceptJoin(effect);
    if (session === undefined) return;
    const { peer } = session;
    this.#options.events.emit('clientsJoined', { ...effect, peer, present: this.present });
  }

  #fold({ round }: Effect<'fold'>, held: HeldUpdate | undefined): void {
    if (held === undefined) throw new Error('an update is folded that nobody holds');
    const { clock } = this.#options;
    const startedMs = clock.now();
    try {
      this.#aggregation.add(round, held.update);
    } catch (error) {
      // It passed its own checks: the round's updates together are more than the aggregate holds.
      return this.fail(error);
    }
    // Now: it may be the last, of which the candidate is made before it has returned to its channel.
    freeBytes(held.body);
    this.#books.folded(round, held.message, held.checkMs + clock.now() - startedMs);
    tellUpdateHash(this.#options, round, held)?.catch((error: unknown) => this.fail(error));
  }

  #settle(effect: Effect<'settle'>): void {
    const late = this.#staged.settled(effect.clients, effect.task);
    // Who counts has sent this update before.
    if (effect.counted || late.length === 0) return this.#outgoing.settle(effect);
    const lateClients = new Set(late.map(({ client }) => client));
    const others = effect.clients.filter((client) => !lateClients.has(client));
    if (others.length > 0) this.#outgoing.settle({ ...effect, clients: others });
    for (const { client, code, message: reason } of late) {
      this.#outgoing.settle({ ...effect, clients: [client], code, reason });
    }
    this.#tellLate(late);
  }

  /** An evaluation: whoever is not listened to for a while would cost each one its whole deadline. */
  #unwanted(session: Session | undefined): void {
    session?.channel.offend(() => this.#dispatch({ event: { type: 'evaluatorsUnread', session: session.id } }));
  }

  #refuse(session: string, refused: FederationEvents['refused'][0]): void {
    this.#tellRefused(this.#door.get(session)?.peer ?? 'gone', refused);
  }

  #tellRefused(peer: string, refused: FederationEvents['refused'][0]): void {
    this.#refusals.add(peer, () => this.#options.events.emit('refused', { ...refused, peer }));
  }

  /** Who never took part is told of as often as others are refused: connections cost nothing. */
  #tellLeft({ id, peer }: Session, reason: string, tookPart: boolean): void {
    const { events } = this.#options;
    const tell = () => events.emit('clientsLeft', { session: id, peer, reason, present: this.present });
    if (FAULT.test(reason)) {
      const message = `The connection ${id} of ${peer} was closed. ${reason}`;
      this.#refusals.add(peer, () => events.emit('warning', { code: 'peer.closed', message }));
    }
    if (tookPart) tell();
    else this.#refusals.add(peer, tell);
  }

  #tellLate(updates: readonly LateUpdate[]): void {
    const { events } = this.#options;
    for (const { client, task, code, message } of updates) {
      events.emit('refused', { client, round: task, code, message });
      events.emit('warning', { code, message });
    }
  }

  #finishRound(effect: Effect<'roundFinished'>): void {
    const { round, evaluated, voided } = effect;
    const { newest } = this.#versions;
    const finished = this.#books.finish(effect, newest.version, this.#turns?.now ?? null);
    if (evaluated !== null && evaluated.missing.length > 0) this.#outgoing.endEvaluation(round);
    const record = (told: RoundRecord) => {
      if (this.#end.isOver) return;
      const { isBest, missing } = this.#note(told);
      if (this.steering.stop !== undefined) this.#watch.stop(round, this.steering.stop);
      if (isBest) this.#best = newest;
      this.#end.roundFinished(newest, evaluated !== null && voided === null ? told : undefined);
      this.#persistence.recorded(told, evaluated?.recorded ?? null);
      const { events } = this.#options;
      events.emit('round', told);
      const best = isBest ? this.#bestModel() : undefined;
      if (best !== undefined) events.emit('best', best);
      if (missing.length > 0) events.emit('warning', noSuchMetric(missing, told));
      this.#stopIfDecided();
    };
    if (!(finished instanceof Promise)) return record(finished);
    this.#recording = finished
      .then(record)
      .catch((error: unknown) => this.fail(error))
      .finally(() => {
        this.#recording = undefined;
      });
  }

  #note(record: RoundRecord): ReturnType<MetricWatch['add']> {
    for (const name of Object.keys({ ...record.metrics, ...record.clientMetrics })) this.#seenNames.add(name);
    return this.#watch.add(record);
  }

  #stopIfDecided(): void {
    const { stopped } = this.#watch;
    if (stopped !== undefined) this.#dispatch({ event: { type: 'stop', message: stopped.message } });
  }

  #bestModel(): BestModel | undefined {
    const { best } = this.#watch;
    return best && this.#best && { ...best, model: this.#versions.wholeModel(this.#best) };
  }

  /** Rounds are recorded in order, the last before the end, also where a result aggregator takes its time. */
  #afterRecording(work: () => void): void {
    if (this.#recording === undefined) work();
    else void this.#recording.then(work).catch((error: unknown) => this.fail(error));
  }

  #finish(ending: Ending, cause?: unknown): void {
    if (this.#end.isOver) return;
    this.steering.goOn();
    this.#abort.abort();
    for (const cancel of this.#timers.values()) cancel();
    const late = this.#staged.close();
    this.#refusals.close();
    const { metrics = [], events } = this.#options;
    const missing = ending.reason === 'completed' ? metrics.filter((name) => !this.#seenNames.has(name)) : [];
    if (missing.length > 0) {
      const message = `No round has a value of ${missing.join(', ')}: nobody had test samples for it, or the result aggregator leaves it out.`;
      events.emit('warning', { code: 'evaluation.never', message });
    }
    this.#end.finish(ending, cause);
    // In the end, since who listens may throw.
    this.#tellLate(late);
  }
}

/** Codes of what a peer did, and should not have done, and of why a client does not take part. */
const FAULT = /^(protocol|join|client|plan|site|stage)\./;

function versionsOf(options: VersionsOptions, saved: SavedModels | undefined): Versions {
  if (saved === undefined) return new Versions(options);
  const { version, older, frozen } = saved;
  return new Versions({ ...options, resumed: version, older, ...(frozen && { frozen }) });
}

function welcomeOf(options: FederationOptions, frozen: Hash | undefined) {
  const { run, software, seed, workload, algorithm, coordinator, chain } = options;
  const { descriptor } = workload;
  return {
    run,
    software,
    clients: coordinator.clients,
    seed,
    workload: descriptor.kind === 'plan' && frozen !== undefined ? { ...descriptor, frozen } : descriptor,
    algorithm: algorithm.name,
    needs: (algorithm.client?.needs ?? []).filter((fact) => fact !== 'deltaNorm'),
    stages: chain.stages.map(({ stage: { name, options } }) => ({ name, options })),
  };
}
