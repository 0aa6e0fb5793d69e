import { createHash } from 'node:crypto';
import {
  createServer,
  defineTask,
  encodeSafetensors,
  type FederationServer,
  type RunOptions,
  type Tensor,
} from 'fedloom';
import { afterEach, describe, expect, it } from 'vitest';
import { RawClient } from './raw-client.js';

const WIDTH = 4;
const hashOf = (bytes: Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const vector = (value: number): Tensor => ({
  dtype: 'float32',
  shape: [WIDTH],
  data: new Float32Array(WIDTH).fill(value),
});

/** The server's model is one vector; what the clients make of it is up to the test. */
const task = defineTask({
  name: 'vector',
  trainer: () => ({
    getModelParams: () => ({ w: vector(0) }),
    setModelParams: () => {},
    train: () => ({ sampleCount: 1 }),
    test: () => ({ results: {}, sampleCount: 0 }),
  }),
});

const opened: FederationServer[] = [];
async function open(options: Partial<RunOptions>) {
  const server = await createServer(task, { clients: 3, clientsPerRound: 3, rounds: 1, deadlineMs: 2_000, ...options });
  const refused: string[] = [];
  const warnings: string[] = [];
  server.run.on('refused', ({ client, code }) => refused.push(`${client} ${code}`));
  server.run.on('warning', ({ code }) => warnings.push(code));
  opened.push(server);
  return { server, refused, warnings };
}
afterEach(async () => {
  for (const server of opened.splice(0)) await server.close();
});

/** The model of the first round, which is zero: what a client sends as its change is its value. */
const base = { model: 'model', number: 0, hash: hashOf(encodeSafetensors(new Map([['w', vector(0)]]))) };
const update = (client: number, over: Record<string, unknown> = {}) => ({
  type: 'update',
  task: 0,
  attempt: 0,
  client,
  base,
  facts: { sampleCount: 1, stepCount: 1 },
  trainMs: 1,
  ...over,
});
const body = (tensors: Record<string, Tensor>) => encodeSafetensors(new Map(Object.entries(tensors)));

/** A header that can be read, and whose dtype cannot be written into a message. */
function deeplyNested(): Uint8Array {
  const header = Buffer.from(
    `{"w":{"dtype":${'['.repeat(20_000)}${']'.repeat(20_000)},"shape":[1],"data_offsets":[0,4]}}`,
  );
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, Buffer.alloc(4)]);
}

/** An honest client: sends `value` when asked to train, and ends with the run. */
async function honest(url: string, client: number, value: number, sampleCount = 1): Promise<void> {
  const peer = await RawClient.join(url, client);
  void (async () => {
    for (;;) {
      const { task, attempt } = await peer.next('train');
      peer.sendWithBody(update(client, { task, attempt, facts: { sampleCount } }), body({ w: vector(value) }));
    }
  })().catch(() => {});
}

const finalValue = async (server: FederationServer) => {
  const { model } = await server.result;
  return [...(model.get('w') as Tensor).data];
};

describe('an update that must not reach the model', () => {
  const bad: Record<string, [Record<string, unknown>, Record<string, Tensor> | Uint8Array, RegExp]> = {
    NaN: [{}, { w: vector(Number.NaN) }, /update\.not-finite/],
    infinity: [{}, { w: vector(Number.POSITIVE_INFINITY) }, /update\.not-finite/],
    'another shape': [{}, { w: { dtype: 'float32', shape: [1], data: new Float32Array(1) } }, /update\.shape/],
    'another dtype': [{}, { w: { dtype: 'int32', shape: [WIDTH], data: new Int32Array(WIDTH) } }, /update\.dtype/],
    'a missing tensor': [{}, { v: vector(1) }, /update\.names/],
    'one tensor too many': [{}, { v: vector(1), w: vector(1) }, /update\.names/],
    'lists in one another, more than a stack has room for': [{}, deeplyNested(), /safetensors\.tensor/],
    'an absurd sample count': [{ facts: { sampleCount: 1e12 } }, { w: vector(1) }, /update\.sample-count/],
    'no sample count': [{ facts: {} }, { w: vector(1) }, /update\.sample-count/],
    'a loss of which no mean is finite': [
      { facts: { sampleCount: 1, stepCount: 1, meanLoss: 1e308 } },
      { w: vector(1) },
      /update\.fact/,
    ],
    'another base': [{ base: { ...base, hash: `sha256:${'0'.repeat(64)}` } }, { w: vector(1) }, /update\.base/],
  };
  for (const [name, [fields, tensors, code]] of Object.entries(bad)) {
    it(`${name}: refused by name, and the others' mean stands`, async () => {
      const { server, refused } = await open({ quorum: 2 });
      const evil = await RawClient.join(server.url, 2);
      await Promise.all([honest(server.url, 0, 1, 1), honest(server.url, 1, 4, 2)]);
      const { attempt } = await evil.next('train');
      evil.sendWithBody(update(2, { attempt, ...fields }), tensors instanceof Uint8Array ? tensors : body(tensors));
      expect(await evil.next('settled')).toMatchObject({ counted: false, code: expect.stringMatching(code) });
      expect(await finalValue(server)).toEqual(new Array(WIDTH).fill(3));
      expect(refused.join()).toMatch(code);
      expect(refused.join()).toMatch(/^2 /);
    });
  }

  it('weights of 0 or below are refused by the protocol itself', async () => {
    for (const sampleCount of [0, -5]) {
      const { server } = await open({ quorum: 2 });
      const evil = await RawClient.join(server.url, 2);
      await Promise.all([honest(server.url, 0, 1), honest(server.url, 1, 3)]);
      await evil.next('train');
      evil.sendWithBody(update(2, { facts: { sampleCount } }), body({ w: vector(100) }));
      expect(await finalValue(server)).toEqual(new Array(WIDTH).fill(2));
    }
  });

  it('a second one of the same client', async () => {
    const { server, refused } = await open({});
    const twice = await RawClient.join(server.url, 2);
    const others = await RawClient.join(server.url, 0, 2);
    await twice.next('train');
    twice.sendWithBody(update(2), body({ w: vector(9) }));
    twice.sendWithBody(update(2), body({ w: vector(90) }));
    await others.next('train');
    // Answered after the second update was sent on the other line: wait until the server has refused it.
    while (refused.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    for (const client of [0, 1]) others.sendWithBody(update(client), body({ w: vector(0) }));
    expect(await finalValue(server)).toEqual(new Array(WIDTH).fill(3));
    expect(refused).toEqual(['2 update.repeated']);
  });

  it('one of a round that is not, or for a client of another connection', async () => {
    const { server, refused } = await open({});
    const evil = await RawClient.join(server.url, 2);
    await Promise.all([honest(server.url, 0, 1), honest(server.url, 1, 1)]);
    await evil.next('train');
    evil.sendWithBody(update(2, { task: 7 }), body({ w: vector(1000) }));
    evil.sendWithBody(update(0), body({ w: vector(1000) }));
    evil.sendWithBody(update(2), body({ w: vector(1) }));
    expect(await finalValue(server)).toEqual(new Array(WIDTH).fill(1));
    expect(refused[0]).toBe('2 update.unknown-round');
    expect(refused[1]).toMatch(/^0 update\.(wrong-session|repeated)/);
  });
});

describe('a peer that breaks the protocol', () => {
  const frames: Record<string, (peer: RawClient) => void> = {
    'random bytes': (peer) => peer.bytes(Uint8Array.from({ length: 64 }, (_, i) => (i * 97 + 13) & 255)),
    'broken JSON': (peer) => peer.bytes(Buffer.from('\x01{"type":')),
    'an unknown message': (peer) => peer.send({ type: 'shutdown' }),
    'a message out of order': (peer) => peer.send({ type: 'join', clients: [{ from: 0, count: 1 }] }),
    'a version nobody speaks': (peer) => peer.send({ type: 'hello', versions: [99], software: 'x', capabilities: [] }),
    'a capability it requires': (peer) =>
      peer.send({ type: 'hello', versions: [2], software: 'x', capabilities: ['!telepathy'] }),
  };
  for (const [name, break_] of Object.entries(frames)) {
    it(`${name}: a coded error, the connection closed, the run unharmed`, async () => {
      const { server } = await open({ clients: 1, clientsPerRound: 1 });
      const peer = await RawClient.connect(server.url);
      break_(peer);
      await peer.closed;
      expect(peer.received.at(-1)).toMatchObject({ type: 'error', code: expect.stringMatching(/^protocol\./) });
      await honest(server.url, 0, 5);
      expect(await finalValue(server)).toEqual(new Array(WIDTH).fill(5));
    });
  }

  it('an index that is out of range, or taken', async () => {
    const { server } = await open({ clients: 2, clientsPerRound: 2 });
    await expect(RawClient.join(server.url, 5)).rejects.toThrow(/closed/);
    await honest(server.url, 0, 1);
    await expect(RawClient.join(server.url, 0)).rejects.toThrow(/closed/);
    await honest(server.url, 1, 1);
    expect(await finalValue(server)).toEqual(new Array(WIDTH).fill(1));
  });
});

describe('a client that vanishes in mid-round', () => {
  it('does not hold up the others: the deadline closes the round with a quorum', async () => {
    const { server } = await open({ deadlineMs: 300, quorum: 2 });
    const gone = await RawClient.join(server.url, 2);
    await Promise.all([honest(server.url, 0, 1), honest(server.url, 1, 3)]);
    await gone.next('train');
    gone.kill();
    expect(await finalValue(server)).toEqual(new Array(WIDTH).fill(2));
  });

  it('is replaced by the next of the round where there is one', async () => {
    // Round 0 of 2 out of 3: numpy's permutation of 3 with seed 0 is [2, 1, 0].
    const { server, warnings } = await open({ clientsPerRound: 2, deadlineMs: 300, quorum: 2 });
    const gone = await RawClient.join(server.url, 2);
    await Promise.all([honest(server.url, 0, 1), honest(server.url, 1, 3)]);
    await gone.next('train');
    gone.kill();
    expect(await finalValue(server)).toEqual(new Array(WIDTH).fill(2));
    expect(warnings.length).toBeGreaterThan(0);
  });

  it('ends the run as failed when too few are left, saying who is missing', async () => {
    const { server } = await open({ deadlineMs: 100, quorum: 3 });
    const gone = await RawClient.join(server.url, 2);
    await Promise.all([honest(server.url, 0, 1), honest(server.url, 1, 3)]);
    await gone.next('train');
    gone.kill();
    await expect(server.result).rejects.toThrow(/2 of 3.*missing: client 2/s);
  });

  it('can come back and deliver', async () => {
    const { server } = await open({ deadlineMs: 5_000, quorum: 3 });
    const gone = await RawClient.join(server.url, 2);
    await Promise.all([honest(server.url, 0, 1), honest(server.url, 1, 1)]);
    await gone.next('train');
    gone.kill();
    await gone.closed;
    await honest(server.url, 2, 4);
    expect(await finalValue(server)).toEqual(new Array(WIDTH).fill(2));
  });
});
