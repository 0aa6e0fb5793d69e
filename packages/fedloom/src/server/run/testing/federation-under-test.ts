import { EventEmitter } from 'node:events';
import type { NamedTensors } from '@fedloom/engine';
import { fedAvg } from '../../../algorithms/fed-avg.js';
import { clientIndex } from '../../../core/brands.js';
import { sha256 } from '../../../core/node/sha256.js';
import type { RoundRecord } from '../../../core/records.js';
import { encodeSafetensors } from '../../../core/safetensors.js';
import type { ClientMessage, Message, Train } from '../../../protocol/messages.js';
import { OwnMessages } from '../../../protocol/own-messages.js';
import { TestEnd } from '../../../protocol/testing/channel-pair.js';
import { meanResultAggregator } from '../../../task/mean-results.js';
import { memoryTransport } from '../../../transport/memory/memory-transport.js';
import type { Stage } from '../../../update/stage-contract.js';
import { chainStages } from '../../../update/stages/payload-specs.js';
import type { UpdateSpec } from '../../../update/update.js';
import { Lobby } from '../../lobby/lobby.js';
import { HandClock } from '../../lobby/testing/hand-clock.js';
import { rounds } from '../../schedule/rounds.js';
import type { CoordinatorOptions } from '../../schedule/schedule.js';
import { Federation } from '../federation.js';
import type { FederationEvents, FederationOptions } from '../federation-options.js';
import type { ServerWorkload } from '../workload.js';

export const tensorsOf = (...values: number[]): NamedTensors =>
  new Map([['w', { dtype: 'float32', shape: [values.length], data: Float32Array.from(values) }]]);

export const specs: readonly UpdateSpec[] = [
  { name: 'w', dtype: 'float32', shape: [2], kind: 'trained', fold: 'mean' },
];

export function workloadOf(over: Partial<ServerWorkload> = {}): ServerWorkload {
  return {
    descriptor: { kind: 'trainer', task: 't' },
    takeInitialModel: () => tensorsOf(0, 0),
    parameterCount: 2,
    trained: new Set(['w']),
    specs,
    scalars: {},
    evaluate: async () => undefined,
    ...over,
  };
}

/** A client process as its server sees it, which says what a test wants it to say. */
export class HandClient {
  /** Why its connection ends when it hears that the run is over. */
  lastWords = 'the run is over';

  constructor(readonly end: TestEnd) {}

  say(message: ClientMessage, body?: Uint8Array): void {
    this.end.channel.send(message, body);
  }

  of<T extends Message['type']>(type: T): Extract<Message, { type: T }>[] {
    return this.end.received.map(({ message }) => message).filter((message) => message.type === type) as never;
  }

  get types(): string[] {
    return this.end.received.map(({ message }) => message.type);
  }

  join(...clients: number[]): void {
    this.say({ type: 'join', clients: clients.map((from) => ({ from, count: 1 })) });
  }

  /** The request to train for a task, once it is there. */
  async asked(task: number, attempt = 0): Promise<Train> {
    await until(() => this.of('train').some((train) => train.task === task && train.attempt === attempt));
    return this.of('train').find((train) => train.task === task && train.attempt === attempt) as Train;
  }

  update(
    client: number,
    { task, attempt, base }: Omit<Train, 'clients' | 'scalars' | 'type'>,
    ...delta: number[]
  ): void {
    const facts = { sampleCount: 1, stepCount: 1 };
    const body = encodeSafetensors(tensorsOf(...delta));
    this.say({ type: 'update', task, attempt, client: clientIndex(client), base, facts, trainMs: 0 }, body);
  }

  /** Closes when the run is over, as clients do. */
  async leaveAtTheEnd(): Promise<void> {
    while (!this.types.includes('finish')) await this.end.messages(this.end.received.length + 1);
    this.end.channel.close(this.lastWords);
  }

  /** Trains for the task as soon as it is asked to. */
  async train(client: number, task: number, ...delta: number[]): Promise<void> {
    this.update(client, await this.asked(task), ...delta);
  }
}

export async function until(holds: () => boolean): Promise<void> {
  const endMs = performance.now() + 3_000;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`it never held: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

type Options = Partial<Omit<FederationOptions, 'coordinator'>> & {
  readonly coordinator?: Partial<CoordinatorOptions>;
  readonly stages?: readonly Stage[];
};

/** A federation with real parts around it: its transport is memory, its clock and its clients are a test's hands. */
export function federationUnderTest({ coordinator, stages = [], ...over }: Options = {}) {
  const clock = new HandClock();
  const lobby = new Lobby({ clock, nonce: () => '00'.repeat(16) });
  const events = new EventEmitter<FederationEvents>();
  const records: RoundRecord[] = [];
  const warnings: { code: string; message: string }[] = [];
  const refused: { client: number; code: string; message: string }[] = [];
  const left: string[] = [];
  events.on('round', (record) => records.push(record));
  events.on('warning', ({ code, message }) => warnings.push({ code, message }));
  events.on('refused', ({ client, code, message }) => refused.push({ client, code, message }));
  events.on('clientsLeft', ({ session }) => left.push(session));
  const workload = over.workload ?? workloadOf();
  const federation = new Federation({
    run: 'r',
    software: 's',
    seed: 0,
    workload,
    algorithm: fedAvg(),
    resultAggregator: meanResultAggregator,
    coordinator: {
      clients: 2,
      rounds: 2,
      schedule: rounds({ clientsPerRound: 2 }),
      evaluateOnClients: false,
      evaluateOnServer: true,
      ...coordinator,
    },
    clock,
    hash: sha256,
    lobby,
    budgetBytes: 1 << 20,
    bodyBytesMax: 1 << 20,
    messages: new OwnMessages('server'),
    events,
    chain: chainStages(stages, workload.specs),
    ...over,
  });
  const transport = memoryTransport();
  // It can be told to rest, as a socket can; a test's clients say nothing meanwhile.
  const rests: number[] = [];
  const resting = { rest: (ms: number) => void rests.push(ms) };
  const listener = transport.listen((connection) => lobby.accept(Object.assign(connection, resting)));
  /** A client process that is through its handshake. */
  const knock = async () => {
    const client = new HandClient(new TestEnd(await transport.dial(listener.url), { role: 'client' }));
    client.say({ type: 'hello', versions: [2], software: 'c', capabilities: [] });
    client.say({ type: 'auth', method: 'none' });
    await until(() => client.types.includes('welcome'));
    void client.leaveAtTheEnd();
    return client;
  };
  const enter = async (...clients: number[]) => {
    const client = await knock();
    client.join(...clients);
    await until(() => client.types.includes('joined'));
    return client;
  };
  return { federation, lobby, clock, events, records, warnings, refused, rests, left, knock, enter };
}
