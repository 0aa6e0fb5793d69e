/** The other side of MQTT's figures: messages through a bare broker, between this process and others of its kind. */
import { createServer } from 'node:net';
import { Aedes } from 'aedes';
import mqtt, { type MqttClient } from 'mqtt';
import { done, input, tell } from './parent.js';

export interface BareInput {
  /** `hub` stands where the server stands: it hosts a broker, unless there is one. `edge` stands where clients stand. */
  readonly role: 'hub' | 'edge';
  readonly broker?: string;
  /** Bytes of the hub's message and of the edge's answer, so many times, one after the other; */
  readonly echo?: { readonly down: number; readonly up: number; readonly times: number };
  /** or so many messages of each edge, as fast as they leave. */
  readonly flood?: { readonly bytes: number; readonly messages: number };
  readonly edges: number;
}

/** Of the hub, first: where it is. */
export interface BareReady {
  readonly broker: string;
}

/** Of the hub, in the end: milliseconds of each exchange, or of all messages together. */
export interface BareOutput {
  readonly ms: readonly number[];
}

/** Messages that wait for the broker's word: as many as ours. */
const IN_FLIGHT = 32;
const QOS = { qos: 1 } as const;

interface Hub {
  readonly broker: string;
  publish(topic: string, payload: Buffer): void;
  subscribe(topic: string, take: (payload: Buffer) => void): Promise<void>;
  close(): void;
}

async function ownBroker(): Promise<Hub> {
  const aedes = await Aedes.createBroker({ concurrency: 0 });
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    aedes.handle(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { readonly port: number };
  return {
    broker: `mqtt://127.0.0.1:${port}`,
    publish: (topic, payload) =>
      aedes.publish({ cmd: 'publish', topic, payload, qos: 1, retain: false, dup: false }, () => {}),
    subscribe: (topic, take) =>
      new Promise((resolve) =>
        aedes.subscribe(
          topic,
          ({ payload }, next) => {
            take(payload as Buffer);
            next();
          },
          resolve,
        ),
      ),
    close: () => {
      server.close();
      aedes.close();
    },
  };
}

function connected(broker: string): Promise<MqttClient> {
  return new Promise((resolve, reject) => {
    const client = mqtt.connect(broker, { protocolVersion: 4, reconnectPeriod: 0 });
    client.once('error', reject);
    client.once('connect', () => {
      (client.stream as unknown as { setNoDelay(on: boolean): void }).setNoDelay(true);
      resolve(client);
    });
  });
}

async function otherBroker(broker: string): Promise<Hub> {
  const client = await connected(broker);
  return {
    broker,
    publish: (topic, payload) => void client.publish(topic, payload, QOS),
    subscribe: async (topic, take) => {
      client.on('message', (_topic, payload) => take(payload));
      await client.subscribeAsync(topic, QOS);
    },
    close: () => void client.end(true),
  };
}

async function hub({ broker, echo, flood, edges }: BareInput): Promise<void> {
  const own = broker === undefined ? await ownBroker() : await otherBroker(broker);
  let take: (payload: Buffer) => void = () => {};
  await own.subscribe('bare/up', (payload) => take(payload));
  const ready = new Promise<void>((resolve) => {
    let missing = edges;
    take = () => {
      if (--missing === 0) resolve();
    };
  });
  tell({ broker: own.broker } satisfies BareReady);
  await ready;
  const ms: number[] = [];
  if (echo !== undefined) {
    const payload = Buffer.alloc(echo.down);
    for (let i = 0; i < echo.times; i++) {
      const startedMs = performance.now();
      await new Promise<void>((resolve) => {
        take = () => resolve();
        own.publish('bare/down', payload);
      });
      ms.push(performance.now() - startedMs);
    }
  }
  if (flood !== undefined) {
    const startedMs = performance.now();
    let left = flood.messages * edges;
    await new Promise<void>((resolve) => {
      take = ({ length }) => {
        if (length === flood.bytes && --left === 0) resolve();
      };
      own.publish('bare/down', Buffer.alloc(1));
    });
    ms.push(performance.now() - startedMs);
  }
  tell({ ms } satisfies BareOutput);
  own.close();
  done();
}

async function edge({ broker = '', echo, flood }: BareInput): Promise<void> {
  const client = await connected(broker);
  const answer = Buffer.alloc(echo?.up ?? 0);
  let left = echo?.times ?? flood?.messages ?? 0;
  let unsent = left;
  const acknowledged = (): void => {
    if (--left === 0) client.end(false, () => done());
    else send();
  };
  function send(): void {
    if (flood === undefined || unsent === 0) return;
    unsent -= 1;
    client.publish('bare/up', Buffer.alloc(flood.bytes), QOS, acknowledged);
  }
  client.on('message', () => {
    if (echo !== undefined) client.publish('bare/up', answer, QOS, acknowledged);
    for (let i = 0; i < IN_FLIGHT; i++) send();
  });
  await client.subscribeAsync('bare/down', QOS);
  client.publish('bare/up', Buffer.alloc(1), QOS);
}

const given = await input<BareInput>();
await (given.role === 'hub' ? hub(given) : edge(given));
