import type { NamedTensors } from '@fedloom/engine';
import type { ClientEvaluation, ClientExecutor, EvaluateJob, TrainJob, TrainOutcome } from '../../compute/executor.js';
import { clientIndex, versionNumber } from '../../core/brands.js';
import { systemClock } from '../../core/clock.js';
import { sha256 } from '../../core/node/sha256.js';
import { encodeSafetensors } from '../../core/safetensors.js';
import { ByteBudget } from '../../protocol/byte-budget.js';
import { defaultLimits } from '../../protocol/limits.js';
import type { ErrorMessage, Message, ServerMessage, UpdateMessage, Welcome } from '../../protocol/messages.js';
import { type Received, TestEnd } from '../../protocol/testing/channel-pair.js';
import type { Connection } from '../../protocol/transport.js';
import { memoryTransport } from '../../transport/memory/memory-transport.js';
import { type ClientEvent, ClientHost, type ClientHostOptions } from '../client-host.js';
import type { Ended } from '../serve-line.js';
import type { StateStore } from '../state-store.js';

export const tensorsOf = (name: string, ...values: number[]): NamedTensors =>
  new Map([[name, { dtype: 'float32', shape: [values.length], data: Float32Array.from(values) }]]);

/** What a client trains from: its bytes, and its version. */
export function modelOf(number: number) {
  const body = encodeSafetensors(tensorsOf('w', number, number));
  return { body, version: { model: 'model', number: versionNumber(number), hash: sha256(body) } };
}

export interface Trained {
  readonly job: TrainJob;
  /** With this private state, where it keeps one. */
  readonly end: (state?: number) => void;
  readonly fail: (error: Error) => void;
}

/** Work ends when a test says so. It ignores that it was cancelled, as a user's own code may. */
export class HandExecutor implements ClientExecutor {
  concurrency = 1;
  readonly evaluationGroup = 1;
  readonly trained: Trained[] = [];
  readonly evaluated: { readonly job: EvaluateJob; readonly end: () => void }[] = [];
  prepared = 0;
  preparing: Promise<void> = Promise.resolve();
  /** Float32 elements of an update. */
  updateLength = 2;

  prepare(): Promise<void> {
    this.prepared += 1;
    return this.preparing;
  }

  train(job: TrainJob): Promise<TrainOutcome> {
    const { updateLength } = this;
    return new Promise((resolve, reject) => {
      const end = (state?: number) =>
        resolve({
          update: encodeSafetensors(tensorsOf('w', ...new Array(updateLength).fill(job.client + job.task / 8))),
          facts: { sampleCount: 1, stepCount: 1 },
          specs: [{ name: 'w', dtype: 'float32', shape: [updateLength], kind: 'trained', fold: 'mean' }],
          ...(state !== undefined && { state: encodeSafetensors(tensorsOf('state', state)) }),
        });
      this.trained.push({ job, end, fail: reject });
    });
  }

  /** Each has tested on as many samples as the number of the round, from 1. */
  evaluate(job: EvaluateJob): Promise<ClientEvaluation[]> {
    const evaluation = { sampleCount: job.round + 1, statistics: {} };
    return new Promise((resolve) => {
      this.evaluated.push({ job, end: () => resolve(job.clients.map((client) => ({ client, evaluation }))) });
    });
  }

  close = async () => {};
}

export class MemoryStates implements StateStore {
  readonly states = new Map<number, Uint8Array>();
  get = async (client: number) => this.states.get(client);
  close = async () => {};

  async put(client: number, state: Uint8Array): Promise<void> {
    this.states.set(client, state);
  }
}

export const WELCOME: Omit<Welcome, 'session'> = {
  type: 'welcome',
  run: 'r',
  software: 's',
  clients: 8,
  seed: 0,
  workload: { kind: 'trainer', task: 't' },
  algorithm: 'fedAvg',
  needs: [],
  stages: [],
};

/** One connection as its server sees it, which says what a test wants it to say. */
export class Line {
  constructor(
    readonly end: TestEnd,
    readonly ended: Promise<Ended>,
    private readonly connection: Connection,
  ) {}

  say(message: ServerMessage | ErrorMessage, body?: Uint8Array): void {
    this.end.channel.send(message, body);
  }

  get types(): string[] {
    return this.end.received.map(({ message }) => message.type);
  }

  of<T extends Message['type']>(type: T): (Received & { readonly message: Extract<Message, { type: T }> })[] {
    return this.end.received.filter(({ message }) => message.type === type) as never;
  }

  get updates(): UpdateMessage[] {
    return this.of('update').map(({ message }) => message);
  }

  /** Up to the question who these clients are. */
  async challenge(): Promise<void> {
    await this.end.messages(1);
    this.say({ type: 'challenge', version: 2, methods: ['none'], nonce: '00'.repeat(16) });
    await this.end.messages(2);
  }

  welcome(over: Partial<Welcome> = {}): void {
    this.say({ ...WELCOME, session: 's', ...over });
  }

  /** Up to its wish to be taken in. */
  async asked(over: Partial<Welcome> = {}): Promise<this> {
    await this.challenge();
    this.welcome(over);
    await until(() => this.types.includes('join'));
    return this;
  }

  async enter(over: Partial<Welcome> = {}): Promise<this> {
    await this.asked(over);
    this.say({ type: 'joined', clients: [{ from: 0, count: 8 }] });
    return this;
  }

  train(clients: readonly number[], task: number, attempt: number, base = modelOf(task).version): void {
    this.say({ type: 'train', task, attempt, clients: clients.map(clientIndex), base, scalars: {} });
  }

  model(number: number): void {
    const { body, version } = modelOf(number);
    this.say({ type: 'model', version }, body);
  }

  settled(
    clients: readonly number[],
    task: number,
    counted: boolean,
    over: { code?: string; reason?: string } = {},
  ): void {
    this.say({ type: 'settled', task, attempt: 0, clients: clients.map(clientIndex), counted, ...over });
  }

  /** Waits until the client has taken what was said so far: it answers in order. */
  async heard(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** The line breaks. */
  async cut(): Promise<Ended> {
    this.connection.close('cut');
    return this.ended;
  }
}

export async function until(holds: () => boolean): Promise<void> {
  const endMs = performance.now() + 3_000;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`it never held: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** The client core with real parts around it: its transport is memory, its executor and its server are a test's hands. */
export function hostUnderTest(over: Partial<ClientHostOptions> = {}) {
  const executor = new HandExecutor();
  const states = new MemoryStates();
  const events: ClientEvent[] = [];
  const host = new ClientHost({
    clients: [{ from: 0, count: 8 }],
    executor,
    states,
    clock: systemClock,
    hash: sha256,
    budget: new ByteBudget(1 << 20),
    limits: defaultLimits,
    software: 'test',
    keptBytesMax: 1 << 20,
    decodePlan: () => {
      throw new Error('no plan');
    },
    onEvent: (event) => events.push(event),
    ...over,
  });
  const transport = memoryTransport();
  const waiting: ((connection: Connection) => void)[] = [];
  const listener = transport.listen((connection) => waiting.shift()?.(connection));
  const dial = async (signal?: AbortSignal): Promise<Line> => {
    const accepted = new Promise<Connection>((resolve) => waiting.push(resolve));
    const ended = host.serve(await transport.dial(listener.url), signal);
    ended.catch(() => {});
    const connection = await accepted;
    return new Line(new TestEnd(connection, { role: 'server' }), ended, connection);
  };
  const enter = async () => (await dial()).enter();
  /** A line over which these clients were asked to train for task 0; the first of them is at it. */
  const atWork = async (...clients: number[]) => {
    const line = await enter();
    line.model(0);
    line.train(clients, 0, 0);
    await until(() => executor.trained.length === 1);
    return line;
  };
  return { host, executor, states, events, dial, enter, atWork };
}
