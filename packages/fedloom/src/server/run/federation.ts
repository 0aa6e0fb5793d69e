import { FedloomError, type NamedTensors } from '@fedloom/engine';
import type { Scalars } from '../../algorithms/algorithm.js';
import { type Evaluation, resultsOf } from '../../core/evaluation.js';
import { expandRanges } from '../../core/index-ranges.js';
import type { Results, RoundRecord, RunResult } from '../../core/records.js';
import { encodeSafetensors } from '../../core/safetensors.js';
import { wireLimits } from '../../protocol/limits.js';
import type { Evaluations, Failed, IndexRange, Settled, UpdateMessage } from '../../protocol/messages.js';
import { pieces } from '../../protocol/pieces.js';
import type { Connection } from '../../protocol/transport.js';
import { clientResults } from '../../task/result-aggregator.js';
import type { Session, SessionMessage } from '../lobby/session.js';
import { SessionDoor } from '../lobby/session-door.js';
import { initialState, step } from '../schedule/coordinator.js';
import type { CoordinatorState } from '../schedule/schedule.js';
import type { CoordinatorEffect, CoordinatorEvent, UpdateTag } from '../schedule/types.js';
import { Aggregation, type CheckedUpdate } from './aggregation.js';
import { checkedResults } from './checked-results.js';
import type { FederationOptions } from './federation-options.js';
import { GlobalModel } from './global-model.js';
import { RoundLedger } from './round-ledger.js';
import { whyNot } from './why-not.js';

/** An update that came whole and passed its checks, held while the coordinator decides. */
interface Held {
  readonly message: UpdateMessage;
  /** What its checks took. */
  readonly checkMs: number;
  readonly update: CheckedUpdate;
}

interface Input {
  readonly event: CoordinatorEvent;
  readonly update?: Held;
  readonly evaluation?: Evaluation;
}

type Effect<T extends CoordinatorEffect['type']> = Extract<CoordinatorEffect, { readonly type: T }>;

/**
 * The server of one run: the coordinator's shell. It turns messages into the coordinator's events and the coordinator's
 * effects into messages, folds, timers and records. It knows no transport: connections are given to `accept`.
 */
export class Federation {
  /** Settles when the run is over; rejects when it failed. */
  readonly result: Promise<RunResult>;
  readonly #options: FederationOptions;
  readonly #model: GlobalModel;
  readonly #aggregation: Aggregation;
  readonly #door: SessionDoor;
  readonly #timers = new Map<string, () => void>();
  readonly #abort = new AbortController();
  readonly #queue: Input[] = [];
  /** What clients were told last of an update that counted. */
  readonly #counted = new Map<number, Settled>();
  #state: CoordinatorState;
  /** Of the rounds that are not finished: one may begin before the last is on the disk. */
  readonly #ledgers = new Map<number, RoundLedger>();
  /** The clients' in this round. */
  #scalars: Scalars = {};
  #last: RoundRecord | undefined;
  /** After the last finished round. */
  #finishedModel: NamedTensors;
  #rounds = 0;
  #stepping = false;
  #finished = false;
  #cause: unknown;
  #resolve: (result: RunResult) => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(options: FederationOptions) {
    this.#options = options;
    this.#model = new GlobalModel(options.workload, options.algorithm, options.coordinator.clients, options.hash);
    this.#aggregation = new Aggregation({ chain: options.chain, algorithm: options.algorithm });
    this.#finishedModel = this.#model.tensors;
    this.#state = initialState(options.coordinator);
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever wants the failure awaits `result`; nobody has to.
    this.result.catch(() => {});
    const { run, software, seed, workload, algorithm, coordinator } = options;
    this.#door = new SessionDoor({
      ...options,
      welcome: {
        run,
        software,
        clients: coordinator.clients,
        seed,
        workload: workload.descriptor,
        algorithm: algorithm.name,
        needs: (algorithm.client?.needs ?? []).filter((fact) => fact !== 'deltaNorm'),
        stages: options.chain.stages.map(({ stage: { name, options } }) => ({ name, options })),
      },
      onMessage: (session, message, body) => this.#receive(session, message, body),
      onClosed: (session, reason) => {
        this.#dispatch({ event: { type: 'sessionClosed', session: session.id } });
        this.#options.events.emit('clientsLeft', { session: session.id, reason, present: this.present });
      },
    });
  }

  /** Clients that have joined and not left. */
  get present(): number {
    return this.#state.membership.present;
  }

  /** Takes over a connection that a transport opened. */
  accept(connection: Connection): void {
    this.#door.accept(connection);
  }

  /** Ends the run: the model as it stands after the last finished round is the result. */
  cancel(message = 'The run was cancelled.'): void {
    this.#dispatch({ event: { type: 'abort', reason: 'cancelled', code: 'run.cancelled', message } });
  }

  /** Ends the run as failed, for a reason outside the protocol. */
  fail(error: unknown): void {
    this.#cause = error;
    this.#dispatch({ event: { type: 'abort', reason: 'failed', ...reasonOf(error) } });
  }

  #receive(session: Session, message: SessionMessage, body: Uint8Array | undefined): void | Promise<void> {
    switch (message.type) {
      case 'getPlan':
        return this.#sendPlan(session, message.hash);
      case 'join':
        session.work((work) => work.joined());
        return this.#dispatch({ event: { type: 'clientsJoined', session: session.id, ranges: message.clients } });
      case 'leave':
        return this.#dispatch({ event: { type: 'clientsLeft', session: session.id, ranges: message.clients } });
      case 'update':
        return this.#receiveUpdate(session, message, body);
      case 'failed':
        return this.#receiveFailure(session, message);
      case 'evaluations':
        return this.#receiveEvaluations(session, message);
    }
  }

  #sendPlan(session: Session, hash: string): void {
    const { descriptor, planBytes } = this.#options.workload;
    if (descriptor.kind !== 'plan' || planBytes === undefined || descriptor.hash !== hash) {
      throw new FedloomError('protocol.unknown-plan', `This run has no plan ${hash}.`, { hash });
    }
    session.channel.send({ type: 'plan', hash }, planBytes);
  }

  /** @returns a promise where a stage is async: until it settles, the body is still needed */
  #receiveUpdate(session: Session, message: UpdateMessage, body: Uint8Array = new Uint8Array()): void | Promise<void> {
    session.work((work) => work.trained([message.client]));
    const { clock } = this.#options;
    const startedMs = clock.now();
    const tag = { session: session.id, client: message.client, task: message.task, attempt: message.attempt };
    const received = (update: CheckedUpdate) => {
      const held = { message, update, checkMs: clock.now() - startedMs };
      this.#dispatch({ event: { type: 'updateReceived', ...tag }, update: held });
    };
    const refused = (error: unknown) => this.#refuseUpdate(tag, error);
    try {
      this.#checkBase(message);
      const checked = this.#aggregation.check(message, body, () => ({ scalars: this.#scalars, staleness: 0 }));
      if (checked instanceof Promise) return checked.then(received, refused);
      received(checked);
    } catch (error) {
      refused(error);
    }
  }

  #refuseUpdate(tag: UpdateTag, error: unknown): void {
    if (!(error instanceof FedloomError)) throw error;
    const { code, message } = error;
    this.#options.events.emit('refused', { client: tag.client, round: tag.task, code, message });
    this.#dispatch({ event: { type: 'updateInvalid', ...tag, code, message } });
  }

  /** @throws FedloomError `update.base`: the update starts from a model that this run does not have, or has no more */
  #checkBase({ client, base }: UpdateMessage): void {
    const { version } = this.#model.current;
    if (base.hash === version.hash && base.model === version.model) return;
    const message = `The update of client ${client} starts from version ${base.number} of "${base.model}" (${base.hash}); the server is at version ${version.number} (${version.hash}).`;
    throw new FedloomError('update.base', message, { client, base, version });
  }

  #receiveFailure(session: Session, { client, task: round, attempt, phase, code, message }: Failed): void {
    this.#options.events.emit('refused', { client, round, code, message });
    session.work((work) => (phase === 'train' ? work.trained([client]) : work.evaluated(round, 1)));
    const at = { session: session.id, client, code, message };
    this.#dispatch({
      event:
        phase === 'train'
          ? { type: 'clientFailed', ...at, task: round, attempt }
          : { type: 'evaluationFailed', ...at, round },
    });
  }

  #receiveEvaluations(session: Session, { round, entries }: Evaluations): void {
    session.work((work) => work.evaluated(round, entries.length));
    for (const { client, ...evaluation } of entries) {
      const { sampleCount } = evaluation;
      if (!Number.isSafeInteger(sampleCount) || sampleCount < 0) {
        const message = `Client ${client} says that it tested on ${sampleCount} samples; it must be a whole number of at least 0.`;
        const fault = { client, round, code: 'evaluation.sample-count', message };
        this.#options.events.emit('refused', fault);
        this.#dispatch({ event: { type: 'evaluationFailed', session: session.id, ...fault } });
        continue;
      }
      this.#dispatch({
        event: { type: 'evaluationReceived', session: session.id, round, client },
        evaluation,
      });
    }
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
  }

  #step(event: CoordinatorEvent): readonly CoordinatorEffect[] {
    // After a failure within a step the state is not to be trusted with another.
    if (this.#finished && this.#state.phase !== 'finished') return [];
    try {
      const { state, effects } = step(this.#state, event);
      this.#state = state;
      return effects;
    } catch (error) {
      // Only what the user gave can throw here: the sampler. The state may be half changed, so the run ends.
      this.#options.events.emit('warning', { code: 'server.failed', message: String(error) });
      this.#finish({ type: 'finish', reason: 'failed', ...reasonOf(error) }, error);
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
    switch (effect.type) {
      case 'acceptJoin':
        return this.#acceptJoin(effect);
      case 'refuseJoin':
        this.#door.get(effect.session)?.channel.fail(new FedloomError(effect.code, effect.message));
        return;
      case 'configure':
        return this.#configure(effect);
      case 'fold':
        return this.#foldUpdate(input.update as Held);
      case 'discard':
        this.#options.events.emit('refused', { ...effect, round: effect.task });
        return;
      case 'settle':
        return this.#settle(effect);
      case 'aggregate':
        return this.#aggregate(effect);
      case 'persist':
        return this.#persist(effect.round);
      case 'dropVersion':
        // Under `rounds` nobody trains from any but the newest, which is all that is kept here.
        return;
      case 'requestEvaluation':
        return this.#requestEvaluation(effect);
      case 'evaluateOnServer':
        void this.#evaluateOnServer(effect.round);
        return;
      case 'recordEvaluation':
        this.#ledgers.get(effect.round)?.evaluated(effect.client, input.evaluation as Evaluation);
        return;
      case 'discardEvaluation':
        this.#options.events.emit('refused', effect);
        return;
      case 'roundFinished':
        return this.#finishRound(effect);
      case 'setTimer': {
        const fire = () => this.#dispatch({ event: { type: 'deadline', timer: effect.timer } });
        this.#timers.set(effect.timer, this.#options.clock.setTimer(effect.delayMs, fire));
        return;
      }
      case 'clearTimer':
        this.#timers.get(effect.timer)?.();
        this.#timers.delete(effect.timer);
        return;
      case 'warn':
        this.#options.events.emit('warning', effect);
        return;
      case 'finish':
        this.#finish(effect);
    }
  }

  #acceptJoin({ session: id, ranges }: Effect<'acceptJoin'>): void {
    const session = this.#door.get(id);
    if (session === undefined) return;
    for (const part of pieces(ranges)) session.channel.send({ type: 'joined', clients: part });
    this.#repeatSettled(session, ranges);
    this.#options.events.emit('clientsJoined', {
      session: id,
      peer: session.channel.peer,
      ranges,
      present: this.present,
    });
  }

  /**
   * Tells clients that come back again that their last counted update counted: the first time may have been lost with the
   * connection, and their private state must follow. Hearing it twice changes nothing.
   */
  #repeatSettled(session: Session, ranges: readonly IndexRange[]): void {
    if (this.#counted.size === 0) return;
    for (const client of expandRanges(ranges)) {
      const settled = this.#counted.get(client);
      if (settled !== undefined) session.channel.send({ ...settled, clients: [client] });
    }
  }

  #configure({ session: id, task: round, attempt, clients }: Effect<'configure'>): void {
    const session = this.#door.get(id);
    if (session === undefined) return;
    const { version, bytes } = this.#model.current;
    if (!this.#ledgers.has(round)) this.#scalars = this.#model.scalars(round);
    this.#startLedger(round).configured(clients);
    session.sendModel(version, bytes);
    session.work((work) => work.askedToTrain(clients));
    for (const part of pieces(clients)) {
      const work = { task: round, attempt, clients: part, base: version, scalars: this.#scalars };
      session.channel.send({ type: 'train', ...work });
    }
  }

  #startLedger(round: number): RoundLedger {
    const known = this.#ledgers.get(round);
    if (known !== undefined) return known;
    const ledger = new RoundLedger(round, this.#options.clock.now(), this.#door.bytes);
    this.#ledgers.set(round, ledger);
    // One that begins before the last is recorded is announced after it.
    if (this.#ledgers.size === 1) this.#options.events.emit('roundStarted', { round });
    return ledger;
  }

  #foldUpdate({ message, update, checkMs }: Held): void {
    const { clock, events } = this.#options;
    const startedMs = clock.now();
    try {
      this.#aggregation.add(update);
    } catch (error) {
      // It passed its own checks: the round's updates together are more than the aggregate holds.
      return this.fail(error);
    }
    const nowMs = clock.now();
    events.emit('update', this.#startLedger(message.task).folded(message, nowMs, checkMs + nowMs - startedMs));
  }

  #settle({ session: id, task, attempt, clients, counted, code, reason }: Effect<'settle'>): void {
    const session = this.#door.get(id);
    session?.work((work) => work.trained(clients));
    const settled: Settled = { type: 'settled', task, attempt, clients: [], counted, ...whyNot(code, reason) };
    if (counted) for (const client of clients) this.#counted.set(client, settled);
    for (const part of pieces(clients)) session?.channel.send({ ...settled, clients: part });
  }

  #aggregate({ round }: Effect<'aggregate'>): void {
    try {
      const { aggregate, clients } = this.#aggregation.close();
      this.#model.update(round, aggregate, clients);
      this.#ledgers.get(round)?.aggregated(this.#options.clock.now());
      this.#dispatch({ event: { type: 'aggregated', round } });
    } catch (error) {
      this.fail(error);
    }
  }

  #persist(round: number): void {
    const done = () => this.#dispatch({ event: { type: 'persisted', round } });
    const { checkpoint } = this.#options;
    if (checkpoint === undefined) return done();
    try {
      const saved = Promise.resolve(checkpoint(round, this.#model.tensors));
      saved.then(done).catch((error: unknown) => this.fail(error));
    } catch (error) {
      this.fail(error);
    }
  }

  #requestEvaluation({ session: id, round, ranges }: Effect<'requestEvaluation'>): void {
    const session = this.#door.get(id);
    if (session === undefined) return;
    const { version: model, bytes } = this.#model.current;
    session.sendModel(model, bytes);
    session.work((work) => work.askedToEvaluate(round, ranges));
    for (const part of pieces(ranges)) session.channel.send({ type: 'evaluate', round, clients: part, model });
  }

  async #evaluateOnServer(round: number): Promise<void> {
    this.#options.events.emit('evaluating', { round });
    try {
      const evaluation = await this.#options.workload.evaluate(this.#model.current, round, this.#abort.signal);
      const ledger = this.#ledgers.get(round);
      if (ledger !== undefined && evaluation !== undefined) ledger.serverResults = resultsOf(evaluation);
      this.#dispatch({ event: { type: 'serverEvaluated', round } });
    } catch (error) {
      if (!this.#finished) this.fail(error);
    }
  }

  #finishRound({ round, cohort, counted, evaluated }: Effect<'roundFinished'>): void {
    const ledger = this.#startLedger(round);
    const record = ledger.close({
      cohort,
      counted,
      clientMetrics: evaluated === null ? null : this.#aggregateResults(round, ledger.evaluations),
      nowMs: this.#options.clock.now(),
      bytes: this.#door.bytes,
    });
    this.#rounds += 1;
    if (evaluated !== null) this.#last = record;
    if (evaluated !== null && evaluated.missing.length > 0) this.#endEvaluation(round);
    this.#finishedModel = this.#model.tensors;
    this.#options.events.emit('round', record);
    this.#ledgers.delete(round);
    if (this.#ledgers.has(round + 1)) this.#options.events.emit('roundStarted', { round: round + 1 });
  }

  /** Who still evaluates has better things to do. */
  #endEvaluation(round: number): void {
    const { version: model } = this.#model.current;
    for (const { channel } of this.#door.sessions) channel.send({ type: 'evaluate', round, clients: [], model });
  }

  #aggregateResults(round: number, evaluations: ReadonlyMap<number, Evaluation>): Results | null {
    if (evaluations.size === 0) return null;
    try {
      const results = new Map([...evaluations].map(([client, own]) => [client, clientResults(own)]));
      return checkedResults(this.#options.resultAggregator.aggregate(round, results));
    } catch (error) {
      const message = `The result aggregator failed in round ${round}: ${error instanceof Error ? error.message : error}`;
      this.#options.events.emit('warning', { code: 'aggregator.failed', message });
      return null;
    }
  }

  #finish(effect: Effect<'finish'>, cause = this.#cause): void {
    if (this.#finished) return;
    // Something failed within the very step that completed the run: its failure counts.
    const failed = effect.reason === 'completed' && cause !== undefined;
    const { reason, code, message } = failed ? { reason: 'failed' as const, ...reasonOf(cause) } : effect;
    this.#finished = true;
    this.#abort.abort();
    for (const cancel of this.#timers.values()) cancel();
    this.#door.close({ type: 'finish', reason, message: message.slice(0, wireLimits.textLengthMax) }).then(() => {
      const result = this.#report(reason === 'completed' ? 'completed' : 'cancelled');
      if (reason !== 'failed') this.#resolve(result);
      else this.#reject(new FedloomError(code, message, unseen(result), { cause }));
    }, this.#reject);
  }

  #report(status: RunResult['status']): RunResult {
    const bytes = encodeSafetensors(this.#finishedModel);
    return {
      status,
      run: this.#options.run,
      rounds: this.#rounds,
      metrics: this.#last?.metrics ?? {},
      clientMetrics: this.#last?.clientMetrics ?? {},
      model: this.#finishedModel,
      modelBytes: bytes,
      modelHash: this.#options.hash(bytes),
    };
  }
}

function reasonOf(error: unknown): { readonly code: string; readonly message: string } {
  if (error instanceof FedloomError) return { code: error.code, message: error.message };
  return { code: 'server.failed', message: error instanceof Error ? error.message : String(error) };
}

/** The result so far as an error's field that consoles do not print: it holds the whole model. */
function unseen(result: RunResult): { readonly result?: RunResult } {
  return Object.defineProperty({}, 'result', { value: result, enumerable: false });
}
