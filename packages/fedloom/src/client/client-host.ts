import { FedloomError } from '@fedloom/engine';
import type { CancelSignal } from '../compute/cancel-signal.js';
import type { ClientExecutor } from '../compute/executor.js';
import type { ClientIndex } from '../core/brands.js';
import type { Clock } from '../core/clock.js';
import type { HashFunction } from '../core/hash.js';
import { textWithPlace } from '../core/own-code-place.js';
import type { ByteBudget } from '../protocol/byte-budget.js';
import type { Channel } from '../protocol/channel.js';
import type { ClientAuth } from '../protocol/handshake.js';
import { errorCodePattern, type Limits, wireLimits } from '../protocol/limits.js';
import type { Finish, Forget, Join, Message, Settled, UpdateMessage } from '../protocol/messages.js';
import { OwnMessages } from '../protocol/own-messages.js';
import type { Connection } from '../protocol/transport.js';
import type { Stage } from '../update/stage-contract.js';
import { Admission } from './admission.js';
import { Evaluating } from './evaluating.js';
import { type Job, JobQueue } from './job-queue.js';
import { ModelCache } from './model-cache.js';
import type { Outbound } from './outbound.js';
import { PrivateStates } from './private-states.js';
import { type Ended, serveLine } from './serve-line.js';
import type { ShipmentOptions } from './shipment.js';
import { SiteGate } from './site-gate.js';
import { SiteGuard } from './site-guard.js';
import type { StateStore } from './state-store.js';
import { Training } from './training.js';
import { UpdateStages } from './update-stages.js';

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
  readonly decodePlan: ShipmentOptions['decodePlan'];
  /** Hash of the plan that the client's own task file compiles to for a run's seed; the server's must equal it. */
  readonly expectedPlan?: (seed: number) => Promise<string>;
  /** What that plan takes from rows that are at hand here, in words: it may be why plans differ. Default nothing. */
  readonly learned?: readonly string[];
  /**
   * Bytes of updates kept until they are settled, and training goes on while the line is broken: what was trained is then
   * sent over the next connection. Default 0: for hosts whose connection cannot break.
   */
  readonly keptBytesMax?: number;
  /** Stages that this client knows beside the built-in ones. */
  readonly extraStages?: readonly Stage[];
  readonly onEvent?: (event: ClientEvent) => void;
  /** How these clients prove who they are, where the server asks. Default: they cannot. */
  readonly auth?: readonly ClientAuth[];
  /** The run to take part in, where the server has several. Default: the only one there. */
  readonly run?: string;
  /** Refuse a server whose software is another. Default false. */
  readonly sameSoftware?: boolean;
  /** Messages of the user's own. Default none. */
  readonly messages?: OwnMessages;
  /** What the site allows. Default: all. */
  readonly site?: SiteGuard;
  /** Told of all that leaves and may hold something of the site's data, before it does; what it throws ends the client. */
  readonly onOutbound?: (outbound: Outbound) => void;
}

export type ClientEvent =
  | { readonly type: 'joined'; readonly run: string; readonly clients: number }
  | { readonly type: 'trained'; readonly task: number; readonly client: ClientIndex; readonly ms: number }
  | { readonly type: 'jobFailed'; readonly task: number; readonly client: ClientIndex; readonly error: unknown }
  /** The server did not take these clients' updates. */
  | {
      readonly type: 'notCounted';
      readonly task: number;
      readonly clients: readonly ClientIndex[];
      readonly code: string;
      readonly reason: string;
    }
  | { readonly type: 'finished'; readonly finish: Finish };

/**
 * The client core: speaks the protocol for all clients of one process over one connection at a time, and outlives
 * connections. Private state is committed only when the server says that the update counted.
 */
export class ClientHost {
  readonly #options: ClientHostOptions;
  readonly #messages: OwnMessages;
  readonly #admission: Admission;
  readonly #gate: SiteGate;
  readonly #jobs: JobQueue;
  readonly #models: ModelCache;
  readonly #states: PrivateStates;
  readonly #stages: UpdateStages;
  readonly #training: Training;
  readonly #evaluating: Evaluating;
  /** As soon as the server has taken the clients in over it: before that, it takes no update. */
  #channel: Channel | undefined;

  constructor(options: ClientHostOptions) {
    this.#options = options;
    const { executor, clock, site = new SiteGuard() } = options;
    this.#messages = options.messages ?? new OwnMessages('client');
    this.#models = new ModelCache(options.hash);
    this.#states = new PrivateStates(options.states);
    this.#stages = new UpdateStages(options.extraStages);
    this.#admission = new Admission({
      ...options,
      capabilities: this.#messages.capabilities,
      onWelcome: (welcome) => {
        site.checkRun(welcome);
        this.#stages.open(welcome.stages);
        options.states.open?.(welcome.run);
      },
      decodePlan: (bytes, hash) => {
        const workload = options.decodePlan(bytes, hash);
        site.checkPlan(workload.plan.manifest);
        return workload;
      },
      prepare: (workload, welcome) => executor.prepare(workload, welcome),
    });
    this.#gate = new SiteGate({
      guard: site,
      onOutbound: options.onOutbound,
      hash: options.hash,
      run: () => this.#admission.welcome?.run,
      partOf: (tensor) => this.#stages.partOf(tensor),
    });
    this.#training = new Training({
      executor,
      states: this.#states,
      stages: this.#stages,
      checkLeaving: (leaving) => site.checkUpdate(leaving),
      clock,
      keptBytesMax: options.keptBytesMax ?? 0,
      welcome: () => this.#admission.welcome,
      send: (message, body, giveAway) => this.#sendUpdate(message, body, giveAway),
      onTrained: ({ task }, client, ms) => options.onEvent?.({ type: 'trained', task, client, ms }),
    });
    this.#evaluating = new Evaluating({
      executor,
      stateOf: async (client) => this.#stages.algorithmState(await this.#states.committed(client)),
      allows: (client) => site.allowsEvaluation(client),
      send: (message) => this.#channel?.send(message),
      onFailed: (job, client, error) => this.#fail(job, client, error),
    });
    this.#jobs = new JobQueue({
      concurrency: () => executor.concurrency,
      run: (job, signal) => this.#run(job, signal),
      onIdle: () => this.#evaluating.flush(),
      clock,
    });
  }

  /**
   * Serves one connection until it ends.
   * @throws FedloomError when the server refuses this client, or its plan does not fit the client's data or task
   */
  serve(connection: Connection, signal?: AbortSignal): Promise<Ended> {
    return serveLine(connection, {
      budget: this.#options.budget,
      limits: this.#options.limits,
      timers: this.#options.clock,
      messages: this.#messages,
      onSend: (message, body) => this.#gate.pass(message, body),
      ...(signal && { signal }),
      onOpen: (channel) => this.#admission.begin(channel),
      onMessage: (channel, message, body) => this.#receive(channel, message, body),
      mayPass: (error) => this.#admission.mayPass(error),
      onClosed: (_channel, lost) => {
        this.#channel = undefined;
        return this.#endJobs(lost);
      },
    });
  }

  /** Who may come back trains on, and has its update at hand then. */
  async #endJobs(lost: boolean): Promise<void> {
    this.#evaluating.drop();
    const goesOn = lost && (this.#options.keptBytesMax ?? 0) > 0;
    this.#cancel(({ kind }) => kind === 'evaluate' || !goesOn);
    if (!goesOn) await this.#jobs.settled();
  }

  #cancel(predicate: (job: Job) => boolean): void {
    for (const job of this.#jobs.cancel(predicate)) if (job.kind === 'train') this.#training.cancelled(job);
  }

  async #receive(channel: Channel, message: Message, body: Uint8Array | undefined): Promise<void> {
    switch (message.type) {
      case 'challenge':
        return this.#admission.challenged(channel, message);
      case 'welcome':
        return this.#admission.welcomed(channel, message);
      case 'plan':
      case 'frozen':
        return this.#admission.shipped(channel, message, body as Uint8Array);
      case 'joined':
        return this.#joined(channel);
      case 'model':
        this.#models.arrived(message.version, body as Uint8Array);
        return;
      case 'forget':
        return this.#forget(message);
      case 'train':
        this.#jobs.add(this.#training.jobsFor(message));
        return;
      case 'evaluate':
        if (!this.#evaluating.goesOn(message)) this.#cancel((job) => job.kind === 'evaluate');
        this.#jobs.add(this.#evaluating.jobsFor(message));
        return;
      case 'settled':
        return this.#settle(message);
      case 'finish':
        this.#options.onEvent?.({ type: 'finished', finish: message });
        // To close is to say that everything that was told before is kept.
        await this.#states.settled();
        channel.close('the run is over');
        return;
      default:
        throw new FedloomError('protocol.unexpected', `A client does not take the message '${message.type}'.`, {
          type: message.type,
        });
    }
  }

  #joined(channel: Channel): void {
    if (this.#channel === undefined) this.#models.keepOnly((hash) => this.#jobs.some(({ base }) => base.hash === hash));
    this.#channel = channel;
    // A server that aggregates or evaluates on its main thread is silent meanwhile: it always owes the next message.
    channel.patient = true;
    const { run = '', clients = 0 } = this.#admission.welcome ?? {};
    this.#options.onEvent?.({ type: 'joined', run, clients });
  }

  /** An evaluation of a model that is needed no more would wait for it, and everything else for the evaluation. */
  async #forget({ versions }: Forget): Promise<void> {
    const forgotten = new Set(versions.map(({ hash }) => hash));
    this.#cancel(({ kind, base }) => kind === 'evaluate' && forgotten.has(base.hash));
    this.#models.forget(versions);
  }

  async #settle({ task, clients, counted, code, reason }: Settled): Promise<void> {
    this.#training.settled(clients, task);
    if (!counted) {
      const dropped = new Set(clients);
      const isDropped = (job: Job) => job.task === task && job.clients.some((client) => dropped.has(client));
      this.#cancel((job) => job.kind === 'train' && isDropped(job));
      if (code !== undefined) {
        this.#options.onEvent?.({ type: 'notCounted', task, clients, code, reason: reason ?? '' });
      }
    }
    await this.#states.settle(clients, task, counted);
  }

  async #run(job: Job, signal: CancelSignal): Promise<void> {
    try {
      const found = this.#models.get(job.base.hash, signal);
      const model = found instanceof Promise ? await found : found;
      if (job.kind === 'train') await this.#training.run(job, model, signal);
      else await this.#evaluating.run(job, model, signal);
    } catch (error) {
      if (signal.aborted) return;
      for (const client of job.clients) this.#fail(job, client, error);
    }
  }

  #fail({ kind: phase, task, attempt }: Job, client: ClientIndex, error: unknown): void {
    this.#options.onEvent?.({ type: 'jobFailed', task, client, error });
    this.#channel?.send({ type: 'failed', task, attempt, client, phase, ...describe(error) });
  }

  #sendUpdate(message: UpdateMessage, body: Uint8Array, giveAway: boolean): Promise<void> {
    return new Promise((resolve) => {
      if (this.#channel === undefined) resolve();
      else this.#channel.send(message, body, { onSent: resolve, giveAway });
    });
  }
}

/** An error as the wire takes it. */
function describe(error: unknown): { code: string; message: string } {
  const message = textWithPlace(error).slice(0, wireLimits.textLengthMax);
  const code = error instanceof FedloomError && errorCodePattern.test(error.code) ? error.code : 'client.failed';
  return { code, message };
}
