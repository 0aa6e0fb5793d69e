import { FedloomError } from '@fedloom/engine';
import type { CancelSignal } from '../compute/cancel-signal.js';
import type { ClientExecutor, ClientWorkload } from '../compute/executor.js';
import type { Clock } from '../core/clock.js';
import type { HashFunction } from '../core/hash.js';
import type { ByteBudget } from '../protocol/byte-budget.js';
import { Channel } from '../protocol/channel.js';
import { answerChallenge, clientHello } from '../protocol/handshake.js';
import { errorCodePattern, type Limits, wireLimits } from '../protocol/limits.js';
import type {
  Challenge,
  Finish,
  Frozen,
  Join,
  Message,
  Plan,
  Settled,
  UpdateMessage,
  Welcome,
} from '../protocol/messages.js';
import { type MessagePeer, OwnMessages } from '../protocol/own-messages.js';
import { pieces } from '../protocol/pieces.js';
import type { Connection } from '../protocol/transport.js';
import type { Stage } from '../update/stage-contract.js';
import { Evaluating } from './evaluating.js';
import { type Job, JobQueue } from './job-queue.js';
import { ModelCache } from './model-cache.js';
import { PrivateStates } from './private-states.js';
import { Shipment, type ShipmentOptions } from './shipment.js';
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
  /**
   * Bytes of updates kept until they are settled, and training goes on while the line is broken: what was trained is then
   * sent over the next connection. Default 0: for hosts whose connection cannot break.
   */
  readonly keptBytesMax?: number;
  /** Stages that this client knows beside the built-in ones. */
  readonly extraStages?: readonly Stage[];
  readonly onEvent?: (event: ClientEvent) => void;
  /** The run to take part in, where the server has several. Default: the only one there. */
  readonly run?: string;
  /** Messages of the user's own. Default none. */
  readonly messages?: OwnMessages;
}

export type ClientEvent =
  | { readonly type: 'joined'; readonly run: string; readonly clients: number }
  | { readonly type: 'trained'; readonly task: number; readonly client: number; readonly ms: number }
  | { readonly type: 'jobFailed'; readonly task: number; readonly client: number; readonly error: unknown }
  /** The server did not take these clients' updates. */
  | {
      readonly type: 'notCounted';
      readonly task: number;
      readonly clients: readonly number[];
      readonly code: string;
      readonly reason: string;
    }
  | { readonly type: 'finished'; readonly finish: Finish };

/** Why a connection ended: the run is over, or the line broke and the host may dial again. */
export type Ended = { readonly kind: 'finished'; readonly finish: Finish } | Lost;

export interface Lost {
  readonly kind: 'lost';
  readonly reason: string;
  /** The server had taken these clients in. */
  readonly joined: boolean;
}

/** Errors of a line on which too little moved: the next may be better. */
const LINE_ERRORS: ReadonlySet<string> = new Set(['protocol.stalled', 'protocol.handshake-timeout']);

/**
 * The client core: speaks the protocol for all clients of one process over one connection at a time, and outlives
 * connections. Private state is committed only when the server says that the update counted.
 */
export class ClientHost {
  readonly #options: ClientHostOptions;
  readonly #jobs: JobQueue;
  readonly #models: ModelCache;
  readonly #shipment: Shipment;
  readonly #states: PrivateStates;
  readonly #stages: UpdateStages;
  readonly #training: Training;
  readonly #evaluating: Evaluating;
  /** As soon as the server has taken the clients in over it: before that, it takes no update. */
  #channel: Channel | undefined;
  /** The connection over which they asked to be taken in. */
  #askedOver: Channel | undefined;
  #welcome: Welcome | undefined;
  /** Once, over however many connections it lasts. */
  #preparing: Promise<void> | undefined;
  /** The server may hold these clients for a connection that is gone. */
  #mayBeHeld = false;

  constructor(options: ClientHostOptions) {
    this.#options = options;
    const { executor, clock } = options;
    this.#models = new ModelCache(options.hash);
    this.#shipment = new Shipment(options);
    this.#states = new PrivateStates(options.states);
    this.#stages = new UpdateStages(options.extraStages);
    this.#training = new Training({
      executor,
      states: this.#states,
      stages: this.#stages,
      clock,
      keptBytesMax: options.keptBytesMax ?? 0,
      welcome: () => this.#welcome,
      send: (message, body, giveAway) => this.#sendUpdate(message, body, giveAway),
      onTrained: ({ task }, client, ms) => options.onEvent?.({ type: 'trained', task, client, ms }),
    });
    this.#evaluating = new Evaluating({
      executor,
      stateOf: async (client) => this.#stages.algorithmState(await this.#states.committed(client)),
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
          const broken = error === undefined || this.#mayPass(error);
          const lost = finish === undefined && failure === undefined && broken && !signal?.aborted;
          if (lost && this.#askedOver === channel && error?.code !== 'join.held') this.#mayBeHeld = true;
          void this.#endJobs(lost).then(() => {
            if (finish !== undefined) resolve({ kind: 'finished', finish });
            else if (failure !== undefined) reject(failure);
            else if (error !== undefined && !broken) reject(inOurWords(error));
            else resolve({ kind: 'lost', reason, joined: joinedHere });
          });
        },
      });
      if (signal?.aborted) leave();
      else signal?.addEventListener('abort', leave, { once: true });
      channel.send(clientHello({ software: this.#options.software, capabilities: messages.capabilities }));
    });
  }

  /**
   * Whether dialling again may help: the line was bad, or the server has not noticed yet that our earlier connection is gone
   * and thinks that somebody holds our indices, or it has not opened its runs yet, which it does one after another.
   */
  #mayPass({ code }: FedloomError): boolean {
    if (LINE_ERRORS.has(code) || code === 'lobby.empty') return true;
    return code === 'join.held' ? this.#mayBeHeld : code === 'lobby.run' && this.#welcome !== undefined;
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
        return this.#answer(channel, message);
      case 'welcome':
        return this.#start(channel, message);
      case 'plan':
      case 'frozen':
        return this.#shipped(channel, message, body as Uint8Array);
      case 'joined':
        if (this.#channel === undefined)
          this.#models.keepOnly((hash) => this.#jobs.some(({ base }) => base.hash === hash));
        this.#channel = channel;
        // A server that aggregates or evaluates on its main thread is silent meanwhile: it always owes the next message.
        channel.patient = true;
        this.#options.onEvent?.({
          type: 'joined',
          run: this.#welcome?.run ?? '',
          clients: this.#welcome?.clients ?? 0,
        });
        return;
      case 'model':
        this.#models.arrived(message.version, body as Uint8Array);
        return;
      case 'forget':
        this.#models.forget(message.versions);
        return;
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
        throw new FedloomError('protocol.unexpected', `A client does not take the message '${message.type}'.`);
    }
  }

  /** Who comes back names the run that it took part in: the server may have opened another meanwhile. */
  #answer(channel: Channel, challenge: Challenge): void {
    const { software, run = this.#welcome?.run } = this.#options;
    channel.send(answerChallenge(challenge, { software, ...(run !== undefined && { run }) }).reply);
  }

  async #start(channel: Channel, welcome: Welcome): Promise<void> {
    const asked = this.#options.run;
    if (asked !== undefined && asked !== welcome.run) {
      throw new FedloomError(
        'client.other-run',
        `This client asked for the run ${asked}, the server let it in to ${welcome.run}: it is of a version that has one run only. ` +
          'Update fedloom there, or ask for no run.',
        { expected: asked, actual: welcome.run },
      );
    }
    if (this.#welcome !== undefined && this.#welcome.run !== welcome.run) {
      throw new FedloomError(
        'client.other-run',
        `The server now runs ${welcome.run}, this client took part in ${this.#welcome.run}. Start the client again to join it.`,
        { expected: this.#welcome.run, actual: welcome.run },
      );
    }
    this.#stages.open(welcome.stages);
    this.#options.states.open?.(welcome.run);
    refuseUnknownFacts(welcome.needs);
    this.#welcome = welcome;
    if (this.#preparing !== undefined) return this.#joinPrepared(channel, this.#preparing);
    const { workload } = welcome;
    const expected = await this.#options.expectedPlan?.(welcome.seed);
    if (workload.kind === 'plan') {
      if (expected !== undefined && expected !== workload.hash) {
        throw new FedloomError(
          'client.plan-differs',
          `The server's training plan is ${workload.hash}, the task file here compiles to ${expected}. ` +
            'Use the same task file and the same fedloom version on both, or start the client without a task file.',
          { server: workload.hash, client: expected },
        );
      }
      for (const request of this.#shipment.expect(workload)) channel.send(request);
      return;
    }
    return this.#joinPrepared(channel, this.#prepareFor(workload, welcome));
  }

  /** A part of the workload that the server ships; with the last, the clients can be made ready. */
  async #shipped(channel: Channel, message: Plan | Frozen, body: Uint8Array): Promise<void> {
    const workload = this.#shipment.arrived(message, body);
    if (workload === undefined) return;
    return this.#joinPrepared(channel, this.#preparing ?? this.#prepareFor(workload, this.#welcome as Welcome));
  }

  /** It may take long, and longer than the line holds. */
  #prepareFor(workload: ClientWorkload, welcome: Welcome): Promise<void> {
    this.#preparing = this.#options.executor.prepare(workload, welcome);
    this.#preparing.catch(() => {
      this.#preparing = undefined;
    });
    return this.#preparing;
  }

  async #joinPrepared(channel: Channel, preparing: Promise<void>): Promise<void> {
    await preparing;
    if (!channel.open) return;
    this.#askedOver = channel;
    for (const clients of pieces(this.#options.clients, wireLimits.joinRangesMax)) {
      channel.send({ type: 'join', clients });
    }
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

  #fail({ kind: phase, task, attempt }: Job, client: number, error: unknown): void {
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

/** Of a trainer it is the task's own code that gives them: the server refuses an update that lacks one. */
function refuseUnknownFacts(needs: readonly string[]): void {
  const unknown = needs.find((fact) => fact !== 'initialLoss');
  if (unknown === undefined) return;
  throw new FedloomError(
    'client.unknown-fact',
    `The run's algorithm needs the fact "${unknown}" of every update, which this client does not know. Update fedloom here.`,
    { fact: unknown },
  );
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
