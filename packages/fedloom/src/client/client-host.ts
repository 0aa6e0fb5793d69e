import { FedloomError } from '@fedloom/engine';
import type { CancelSignal } from '../compute/cancel-signal.js';
import type { ClientExecutor, ClientWorkload, EvaluateOutcome, ModelSnapshot } from '../compute/executor.js';
import type { Clock } from '../core/clock.js';
import type { HashFunction } from '../core/hash.js';
import { decodeSafetensors } from '../core/safetensors.js';
import { sharedBytes } from '../data/shared-tensor.js';
import type { ByteBudget } from '../protocol/byte-budget.js';
import { Channel } from '../protocol/channel.js';
import { answerChallenge, clientHello } from '../protocol/handshake.js';
import { errorCodePattern, type Limits, wireLimits } from '../protocol/limits.js';
import type {
  Evaluate,
  Evaluations,
  Finish,
  Join,
  Message,
  Settled,
  Train,
  Update,
  Welcome,
} from '../protocol/messages.js';
import { type MessagePeer, OwnMessages } from '../protocol/own-messages.js';
import type { Connection } from '../protocol/transport.js';
import { type Job, JobQueue } from './job-queue.js';
import type { StateStore } from './state-store.js';

/** Entries of one `evaluations` message; the protocol allows 256. */
const EVALUATIONS_PER_MESSAGE = 64;
/** Keeps a message well below the protocol's limit for control frames, also in UTF-8. */
const MESSAGE_CHARACTERS = 256 << 10;
/** Models kept: the one that trains and the one that comes. */
const MODELS_KEPT = 2;

export interface ClientHostOptions {
  /** The clients this process hosts. */
  readonly clients: Join['clients'];
  readonly executor: ClientExecutor;
  readonly states: StateStore;
  readonly clock: Clock;
  readonly hash: HashFunction;
  readonly budget: ByteBudget;
  readonly limits: Limits;
  readonly software: string;
  /** Turns the bytes of a plan, whose hash was checked, into the workload. */
  readonly decodePlan: (bytes: Uint8Array, hash: string) => ClientWorkload;
  /** Hash of the plan that the client's own task file compiles to; the server's must equal it. */
  readonly expectedPlan?: string;
  readonly onEvent?: (event: ClientEvent) => void;
  /** Messages of the user's own. Default none. */
  readonly messages?: OwnMessages;
}

export type ClientEvent =
  | { readonly type: 'joined'; readonly run: string; readonly clients: number }
  | { readonly type: 'trained'; readonly round: number; readonly client: number; readonly ms: number }
  | { readonly type: 'jobFailed'; readonly round: number; readonly client: number; readonly error: unknown }
  | { readonly type: 'finished'; readonly finish: Finish };

/** Why a connection ended: the run is over, or the line broke and the host may dial again. */
export type Ended =
  | { readonly kind: 'finished'; readonly finish: Finish }
  | {
      readonly kind: 'lost';
      readonly reason: string /** The server had taken these clients in. */;
      readonly joined: boolean;
    };

interface Pending {
  readonly round: number;
  readonly state: Uint8Array;
}

interface Arrival {
  /** Set once it has come. */
  arrived?: ModelSnapshot;
  readonly snapshot: Promise<ModelSnapshot>;
  readonly arrive: (snapshot: ModelSnapshot) => void;
}

/**
 * The client core: speaks the protocol for all clients of one process over one connection at a time, and outlives
 * connections. Private state is committed only when the server says that the update counted.
 */
export class ClientHost {
  readonly #options: ClientHostOptions;
  readonly #jobs: JobQueue;
  readonly #models = new Map<string, Arrival>();
  readonly #pending = new Map<number, Pending>();
  #evaluations: Evaluations['entries'][number][] = [];
  #evaluationRound = 0;
  #channel: Channel | undefined;
  #welcome: Welcome | undefined;
  #prepared = false;
  #joined = false;

  constructor(options: ClientHostOptions) {
    this.#options = options;
    this.#jobs = new JobQueue({
      concurrency: () => options.executor.concurrency,
      run: (job, signal) => this.#run(job, signal),
      onIdle: () => this.#flushEvaluations(),
      clock: options.clock,
    });
  }

  /**
   * Serves one connection until it ends.
   * @throws FedloomError when the server refuses this client, or its plan does not fit the client's data or task
   */
  serve(connection: Connection, signal?: AbortSignal): Promise<Ended> {
    const { messages = new OwnMessages('client') } = this.#options;
    return new Promise((resolve, reject) => {
      let finish: Finish | undefined;
      let failure: unknown;
      let joinedHere = false;
      let peer: MessagePeer | undefined;
      const leave = () => channel.close('the client leaves');
      const channel: Channel = new Channel(connection, {
        role: 'client',
        budget: this.#options.budget,
        limits: this.#options.limits,
        registry: messages.registry,
        onMessage: (message, body, release) => {
          if (message.type === 'finish') finish = message;
          if (message.type === 'joined') joinedHere = true;
          if (message.type === 'welcome') peer = messages.connect(channel, message.session, message.capabilities ?? []);
          this.#receive(channel, message, body)
            .catch((error: unknown) => {
              failure ??= error;
              if (error instanceof FedloomError) channel.fail(error);
              else channel.close('the client failed');
            })
            .finally(release);
        },
        onExtension: (message, body, release) => messages.receive(channel, peer, message, body, release),
        onClosed: (reason, error) => {
          signal?.removeEventListener('abort', leave);
          this.#channel = undefined;
          this.#jobs.cancel(() => true);
          void this.#jobs.settled().then(() => {
            if (finish !== undefined) resolve({ kind: 'finished', finish });
            else if (failure !== undefined) reject(failure);
            else if (error !== undefined) reject(inOurWords(error));
            else resolve({ kind: 'lost', reason, joined: joinedHere });
          });
        },
      });
      if (signal?.aborted) leave();
      else signal?.addEventListener('abort', leave, { once: true });
      this.#channel = channel;
      channel.send(clientHello({ software: this.#options.software, capabilities: messages.capabilities }));
    });
  }

  /** The server has taken these clients in, over this connection or an earlier one. */
  get joined(): boolean {
    return this.#joined;
  }

  async #receive(channel: Channel, message: Message, body: Uint8Array | undefined): Promise<void> {
    switch (message.type) {
      case 'challenge':
        channel.send(answerChallenge(message, { software: this.#options.software }).reply);
        return;
      case 'welcome':
        return this.#start(channel, message);
      case 'plan':
        return this.#prepare(channel, message.hash, body as Uint8Array);
      case 'joined':
        this.#joined = true;
        // A server that aggregates or evaluates on its main thread is silent meanwhile: it always owes the next message.
        channel.patient = true;
        this.#options.onEvent?.({
          type: 'joined',
          run: this.#welcome?.run ?? '',
          clients: this.#welcome?.clients ?? 0,
        });
        return;
      case 'model':
        this.#modelArrived(message.hash, body as Uint8Array);
        return;
      case 'train':
        this.#train(message);
        return;
      case 'evaluate':
        this.#evaluate(message);
        return;
      case 'settled':
        return this.#settle(message);
      case 'finish':
        this.#options.onEvent?.({ type: 'finished', finish: message });
        channel.close('the run is over');
        return;
      default:
        throw new FedloomError('protocol.unexpected', `A client does not take the message '${message.type}'.`);
    }
  }

  async #start(channel: Channel, welcome: Welcome): Promise<void> {
    if (this.#welcome !== undefined && this.#welcome.run !== welcome.run) {
      throw new FedloomError(
        'client.other-run',
        `The server now runs ${welcome.run}, this client took part in ${this.#welcome.run}. Start the client again to join it.`,
        { expected: this.#welcome.run, actual: welcome.run },
      );
    }
    this.#welcome = welcome;
    if (this.#prepared) return this.#join(channel);
    const { workload } = welcome;
    const expected = this.#options.expectedPlan;
    if (workload.kind === 'plan') {
      if (expected !== undefined && expected !== workload.hash) {
        throw new FedloomError(
          'client.plan-differs',
          `The server's training plan is ${workload.hash}, the task file here compiles to ${expected}. ` +
            'Use the same task file and the same fedloom version on both, or start the client without a task file.',
          { server: workload.hash, client: expected },
        );
      }
      channel.send({ type: 'getPlan', hash: workload.hash });
      return;
    }
    await this.#options.executor.prepare(workload, welcome);
    this.#prepared = true;
    this.#join(channel);
  }

  async #prepare(channel: Channel, hash: string, bytes: Uint8Array): Promise<void> {
    const actual = this.#options.hash(bytes);
    if (actual !== hash) {
      throw new FedloomError('client.hash', `The plan that came has the hash ${actual}, announced was ${hash}.`, {
        actual,
        hash,
      });
    }
    await this.#options.executor.prepare(this.#options.decodePlan(bytes.slice(), hash), this.#welcome as Welcome);
    this.#prepared = true;
    this.#join(channel);
  }

  #join(channel: Channel): void {
    channel.send({ type: 'join', clients: this.#options.clients });
  }

  #modelArrived(hash: string, body: Uint8Array): void {
    const actual = this.#options.hash(body);
    if (actual !== hash) {
      throw new FedloomError('client.hash', `The model that came has the hash ${actual}, announced was ${hash}.`, {
        actual,
        hash,
      });
    }
    const bytes = sharedBytes(body);
    let tensors: ModelSnapshot['tensors'] | undefined;
    this.#model(hash).arrive({
      hash,
      bytes,
      get tensors() {
        tensors ??= decodeSafetensors(bytes);
        return tensors;
      },
    });
    // Map order is insertion order: the oldest models go.
    for (const old of this.#models.keys()) {
      if (this.#models.size <= MODELS_KEPT) break;
      this.#models.delete(old);
    }
  }

  #model(hash: string): Arrival {
    let arrival = this.#models.get(hash);
    if (arrival === undefined) {
      let arrive: Arrival['arrive'] = () => {};
      const snapshot = new Promise<ModelSnapshot>((resolve) => {
        arrive = resolve;
      });
      const made: Arrival = {
        snapshot,
        arrive: (model) => {
          made.arrived = model;
          arrive(model);
        },
      };
      arrival = made;
      this.#models.set(hash, arrival);
    }
    return arrival;
  }

  #train({ round, attempt, clients, model, scalars }: Train): void {
    this.#jobs.cancel((job) => job.kind === 'evaluate' || job.round !== round);
    this.#evaluations = [];
    this.#jobs.add(clients.map((client) => ({ kind: 'train', clients: [client], round, attempt, model, scalars })));
  }

  #evaluate({ round, clients, model }: Evaluate): void {
    this.#jobs.cancel((job) => job.kind === 'train' || job.round !== round);
    if (round !== this.#evaluationRound) this.#evaluations = [];
    this.#evaluationRound = round;
    const group = this.#options.executor.evaluationGroup;
    const jobs: Job[] = [];
    for (const { from, count } of clients) {
      for (let first = from; first < from + count; first += group) {
        const length = Math.min(group, from + count - first);
        const clients = Array.from({ length }, (_, at) => first + at);
        jobs.push({ kind: 'evaluate', clients, round, attempt: 0, model, scalars: {} });
      }
    }
    this.#jobs.add(jobs);
  }

  async #settle({ round, clients, counted }: Settled): Promise<void> {
    if (!counted) {
      const dropped = new Set(clients);
      this.#jobs.cancel(
        (job) => job.kind === 'train' && job.round === round && job.clients.some((client) => dropped.has(client)),
      );
    }
    const commits: Promise<void>[] = [];
    for (const client of clients) {
      const pending = this.#pending.get(client);
      // Whichever attempt counted: a client's attempts of one round train the same, from the same model and order.
      if (pending?.round !== round) continue;
      this.#pending.delete(client);
      // All put before the first await: the next round's jobs, which may come right after, must see every one.
      if (counted) commits.push(this.#options.states.put(client, pending.state));
    }
    await Promise.all(commits);
  }

  async #run(job: Job, signal: CancelSignal): Promise<void> {
    try {
      const model = this.#models.get(job.model)?.arrived ?? (await this.#awaitModel(job.model, signal));
      if (job.kind === 'train') await this.#runTraining(job, model, signal);
      else await this.#runEvaluation(job, model, signal);
    } catch (error) {
      if (signal.aborted) return;
      for (const client of job.clients) this.#fail(job, client, error);
    }
  }

  #fail({ kind: phase, round, attempt }: Job, client: number, error: unknown): void {
    this.#options.onEvent?.({ type: 'jobFailed', round, client, error });
    this.#channel?.send({ type: 'failed', round, attempt, client, phase, ...describe(error) });
  }

  #awaitModel(hash: string, signal: CancelSignal): Promise<ModelSnapshot> {
    if (signal.aborted) return Promise.reject(new Error('aborted'));
    return new Promise((resolve, reject) => {
      const abort = () => reject(new Error('aborted'));
      signal.addEventListener('abort', abort);
      void this.#model(hash).snapshot.then((snapshot) => {
        signal.removeEventListener('abort', abort);
        resolve(snapshot);
      });
    });
  }

  async #runTraining(job: Job, model: ModelSnapshot, signal: CancelSignal): Promise<void> {
    const { clock, executor, states } = this.#options;
    const { round, attempt } = job;
    const client = job.clients[0] as number;
    const state = await states.get(client);
    const startedMs = clock.now();
    const outcome = await executor.train({
      client,
      round,
      seed: this.#welcome?.seed ?? 0,
      model,
      scalars: job.scalars,
      signal,
      ...(state && { state }),
    });
    if (signal.aborted) return;
    const trainMs = clock.now() - startedMs;
    if (outcome.state !== undefined) this.#pending.set(client, { round, state: outcome.state });
    const { sampleCount, stepCount, update } = outcome;
    // A loss that has run away is no number on the wire; the update itself is for the server to judge.
    const meanLoss = Number.isFinite(outcome.meanLoss) ? outcome.meanLoss : null;
    const message: Update = { type: 'update', round, attempt, client, sampleCount, stepCount, meanLoss, trainMs };
    // The job lasts until its update is on its way: who trains faster than the server takes must not pile updates up.
    await new Promise<void>((resolve) => {
      if (this.#channel === undefined) resolve();
      else this.#channel.send(message, update, { onSent: resolve, giveAway: true });
    });
    this.#options.onEvent?.({ type: 'trained', round, client, ms: trainMs });
  }

  async #runEvaluation(job: Job, model: ModelSnapshot, signal: CancelSignal): Promise<void> {
    const { clients, round } = job;
    const evaluations = await this.#options.executor.evaluate({ clients, round, model, signal });
    if (signal.aborted || round !== this.#evaluationRound) return;
    for (const evaluation of evaluations) {
      try {
        if ('error' in evaluation) throw evaluation.error;
        const { client, outcome } = evaluation;
        if (outcome !== null) checkOutcome(outcome);
        this.#evaluations.push({ client, sampleCount: outcome?.sampleCount ?? 0, results: outcome?.results ?? {} });
      } catch (error) {
        this.#fail(job, evaluation.client, error);
      }
    }
    if (this.#evaluations.length >= EVALUATIONS_PER_MESSAGE) this.#flushEvaluations();
  }

  #flushEvaluations(): void {
    const entries = this.#evaluations;
    this.#evaluations = [];
    for (const part of inMessages(entries)) {
      this.#channel?.send({ type: 'evaluations', round: this.#evaluationRound, entries: part });
    }
  }
}

/** Entries in lists that fit one message each, however long their results are. */
function* inMessages(entries: Evaluations['entries']): Generator<Evaluations['entries']> {
  let part: Evaluations['entries'][number][] = [];
  let characters = 0;
  for (const entry of entries) {
    const length = JSON.stringify(entry).length;
    if (part.length > 0 && (part.length === EVALUATIONS_PER_MESSAGE || characters + length > MESSAGE_CHARACTERS)) {
      yield part;
      part = [];
      characters = 0;
    }
    part.push(entry);
    characters += length;
  }
  if (part.length > 0) yield part;
}

/** @throws FedloomError `client.results`: what the protocol cannot carry costs this client's result alone. */
function checkOutcome({ results, sampleCount }: Exclude<EvaluateOutcome, null>): void {
  const refuse = (what: string) => new FedloomError('client.results', `The test gave ${what}.`);
  if (!Number.isSafeInteger(sampleCount) || sampleCount < 0) {
    throw refuse(`a sample count of ${String(sampleCount)}; it must be a whole number of at least 0`);
  }
  const entries = Object.entries(results);
  if (entries.length > wireLimits.resultsMax)
    throw refuse(`${entries.length} results; at most ${wireLimits.resultsMax} travel`);
  for (const [name, value] of entries) {
    const numbers: readonly unknown[] = Array.isArray(value) ? value : [value];
    if (numbers.length > wireLimits.resultListMax)
      throw refuse(`'${name}' with ${numbers.length} numbers; at most ${wireLimits.resultListMax} travel`);
    if (!numbers.every(Number.isFinite))
      throw refuse(`'${name}' as ${String(value).slice(0, 100)}: has the training diverged?`);
    if (name.length < 1 || name.length > wireLimits.nameLengthMax)
      throw refuse(`a result with a name of ${name.length} characters`);
  }
}

function inOurWords(error: FedloomError): FedloomError {
  if (error.fields.remote !== true) return error;
  return new FedloomError(error.code, `The server refused this client: ${error.message}`, error.fields, {
    cause: error,
  });
}

/** An error as the wire takes it. */
function describe(error: unknown): { code: string; message: string } {
  const message = (error instanceof Error ? error.message : String(error)).slice(0, wireLimits.textLengthMax);
  const code = error instanceof FedloomError && errorCodePattern.test(error.code) ? error.code : 'client.failed';
  return { code, message };
}
