import {
  accuracy,
  arrays,
  createServer,
  defineTask,
  dense,
  type FederationServer,
  type JoinOptions,
  joinFederation,
  type ServerOptions,
  sequential,
  sgd,
  simulate,
  softmaxCrossEntropy,
} from 'fedloom';
import { expect, it, onTestFinished } from 'vitest';
import { RawClient } from './raw-client.js';

const FEATURES = 2_000;
const CLASSES = 10;
const sample = (at: number) => Array.from({ length: FEATURES }, (_, i) => Math.sin(at + 7 * i));
const split = (count: number, from: number) => ({
  x: Array.from({ length: count }, (_, i) => sample(from + (i % CLASSES))),
  y: Array.from({ length: count }, (_, i) => i % CLASSES),
});

/** Its model, and each update of it, has 80 kB: too much to travel with its message. */
const task = defineTask({
  name: 'floods',
  data: arrays({ train: split(40, 0), test: split(10, 0), classes: CLASSES }),
  model: sequential([dense(CLASSES)]),
  loss: softmaxCrossEntropy(),
  metrics: [accuracy()],
  training: { localEpochs: 1, batchSize: 10, optimizer: sgd({ learningRate: 0.01 }) },
});

const SIZE = { clients: 4, clientsPerRound: 2, rounds: 6 };

/** A server whose honest clients are still to come, and what it says of others. */
async function open(options: Partial<ServerOptions> = {}) {
  const server = await createServer(task, { ...SIZE, graceMs: null, deadlineMs: null, ...options });
  onTestFinished(() => server.close());
  const refused: string[] = [];
  const warnings: string[] = [];
  server.run.on('refused', ({ client, code, message }) => refused.push(`${client} ${code} ${message}`));
  server.run.on('warning', ({ code, message }) => warnings.push(`${code}: ${message}`));
  return { server, refused, warnings };
}

/** The run with honest clients alone comes to what a simulation comes to, whatever else the server had to bear. */
async function honestlyDone(server: FederationServer): Promise<void> {
  const clients = [{ from: 0, count: SIZE.clients }];
  const [{ modelHash }, alone] = await Promise.all([
    server.result,
    simulate(task, SIZE).result,
    joinFederation(server.url, { clients, task }),
  ]);
  expect(modelHash).toBe(alone.modelHash);
}

const failed = (client: number, message: string) => ({
  type: 'failed',
  task: 0,
  attempt: 0,
  client,
  phase: 'train',
  code: 'attack.text',
  message,
});

it('room for bodies is for updates that were asked for: others are declined', async () => {
  const { server, refused } = await open();
  const stranger = await RawClient.enter(server.url);
  await stranger.next('welcome');
  const hash = `sha256:${'0'.repeat(64)}`;
  const announced = (client: number, stream: number) => ({
    type: 'update',
    task: 0,
    attempt: 0,
    client,
    base: { model: 'model', number: 0, hash },
    facts: { sampleCount: 1, stepCount: 1 },
    trainMs: 1,
    body: { stream, bytes: 1 << 20 },
  });
  for (let stream = 1; stream <= 64; stream += 1) stranger.send(announced(stream % SIZE.clients, stream));
  for (let stream = 1; stream <= 64; stream += 1) {
    expect(await stranger.next('decline', (message) => message.stream === stream)).toBeDefined();
  }
  expect(stranger.received.filter(({ type }) => type === 'grant')).toEqual([]);
  expect(refused).toHaveLength(64);
  await honestlyDone(server);
});

it('who fails without end, of clients that are none of its, fills no log and steers no terminal', async () => {
  const { server, refused, warnings } = await open();
  const evil = await RawClient.enter(server.url);
  await evil.next('welcome');
  for (let i = 0; i < 5_000; i += 1) evil.send(failed(i % SIZE.clients, '\u001b[2J\u202ethe server is yours'));
  // Refused after all before it.
  evil.send({ type: 'getPlan', hash: `sha256:${'0'.repeat(64)}` });
  await evil.closed;
  const untold = () =>
    warnings.reduce(
      (sum, text) => sum + Number(/^peer\.refusals: (\d+) more refusals of 127\.0\.0\.1/.exec(text)?.[1] ?? 0),
      0,
    );
  await expect.poll(untold, { timeout: 10_000 }).toBeGreaterThan(4_800);
  expect(refused.length).toBeLessThan(100);
  expect(refused[0]).toBe('0 attack.text \\u001b[2J\\u202ethe server is yours');
  await honestlyDone(server);
});

const joined = (server: FederationServer, from: number, count: number, over: Partial<JoinOptions> = {}) =>
  joinFederation(server.url, { clients: [{ from, count }], task, ...over });

/** @returns what a client waits for, each reason once */
function waiting() {
  const reasons = new Set<string>();
  const onEvent: NonNullable<JoinOptions['onEvent']> = (event) => {
    if (event.type === 'retrying') reasons.add(event.reason);
  };
  return { onEvent, text: () => [...reasons].join('\n') };
}

it('a client goes on dialling a server that is full, until there is room', async () => {
  const { server } = await open({ connectionsMax: 1, connectionsPerAddressMax: 1 });
  const before = await RawClient.enter(server.url);
  await before.next('welcome');
  const { onEvent, text } = waiting();
  const finish = joined(server, 0, SIZE.clients, { onEvent });
  await expect.poll(text, { timeout: 10_000 }).toMatch(/HTTP status 503: transport\.full: 1 connections/);
  before.kill();
  expect((await finish)?.reason).toBe('completed');
});

it('a client goes on asking for what somebody else holds, until it is free, for as long as it was told to', async () => {
  const { server } = await open();
  const holder = await RawClient.join(server.url, 0);
  const impatient = joined(server, 0, SIZE.clients, { retryForMs: 300 });
  await expect(impatient).rejects.toMatchObject({
    code: 'client.no-server',
    message: expect.stringMatching(/did not take this client in, not even after \d+ s: join\.held/),
  });
  const { onEvent, text } = waiting();
  const finish = joined(server, 0, SIZE.clients, { onEvent });
  await expect.poll(text, { timeout: 10_000 }).toMatch(/join\.held/);
  holder.kill();
  expect((await finish)?.reason).toBe('completed');
});

it('a model that is larger than a client takes is refused, and the refusal says how to take it', async () => {
  const { server } = await open();
  await expect(joined(server, 0, SIZE.clients, { bodyBytesMax: 70_000 })).rejects.toMatchObject({
    code: 'protocol.body-size',
    message: expect.stringContaining('at most 70000 are accepted here. Raise the limit with --max-body (bodyBytesMax)'),
  });
});
