import { FedloomError } from '@fedloom/engine';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Amends, frameMs } from './amends.js';
import { ByteBudget } from './byte-budget.js';
import { encodeChunk, encodeControl } from './codec.js';
import { defaultLimits } from './limits.js';
import { OwedBytes } from './owed-bytes.js';
import { systemTimers } from './stall-watch.js';
import { channelPair, connectionPair, TestEnd } from './testing/channel-pair.js';
import { examples, pattern, update } from './testing/messages.js';

const bodySizes = [0, 1, 7, 65_536, 65_537, 1 << 20, (1 << 20) + 1, 5_000_003];

describe('bodies', () => {
  test('that are not wanted are declined, cost no room, and what comes behind them arrives', async () => {
    const { server, client } = await channelPair({
      server: { wants: (message) => (message as typeof update).task !== 1 },
    });
    const sent: number[] = [];
    for (const task of [0, 1, 2]) {
      client.channel.send({ ...update, task }, pattern(200_000, task), { onSent: () => sent.push(task) });
    }
    client.channel.send({ ...examples.failed, task: 3 });
    const received = await server.messages(3);
    expect(received.map(({ message }) => (message as typeof update).task)).toEqual([0, 2, 3]);
    expect([sent, client.channel.pending, server.budget.usedBytes]).toEqual([[0, 1, 2], false, 0]);
  });

  test('that drip cost the connection', async () => {
    const { server, client } = await connectionPair();
    const limits = { ...defaultLimits, bodyStallMs: 40, bodyBytesPerSecondMin: 1 << 20 };
    const end = new TestEnd(server, { role: 'server', limits });
    client.bind({ frame: () => {}, drained: () => {}, closed: () => {} });
    client.send(encodeControl(update, { stream: 1, bytes: 1 << 20 }));
    let offset = 0;
    const drip = setInterval(() => client.send(encodeChunk(1, offset++, Uint8Array.of(1))), 5);
    onTestFinished(() => clearInterval(drip));
    expect((await end.closed).error?.code).toBe('protocol.stalled');
    expect(offset).toBeGreaterThan(2);
  });

  test.each(bodySizes)('of %i bytes arrive whole and aligned, and leave the budget empty', async (bytes) => {
    const { server, client } = await channelPair({ server: { keepBodies: true } });
    const body = pattern(bytes);
    client.channel.send(update, body);
    const [received] = await server.messages(1);
    expect(received!.message).toEqual(update);
    expect(Buffer.compare(received!.body!, body)).toBe(0);
    expect(received!.body!.byteOffset % 8).toBe(0);
    expect(server.budget.usedBytes).toBe(bytes);
    received!.release();
    received!.release();
    expect(server.budget.usedBytes).toBe(0);
  });

  test('of many messages arrive in the order of sending, small, large and none mixed', async () => {
    const { server, client } = await channelPair({ bufferedBytesMax: 100_000 });
    const sizes = Array.from({ length: 200 }, (_, i) => [undefined, 10, 70_000, 1_200_000, 0][(i * i) % 5]);
    for (const [task, size] of sizes.entries()) {
      if (size === undefined) client.channel.send({ ...examples.failed, task });
      else client.channel.send({ ...update, task }, pattern(size, task));
    }
    const received = await server.messages(sizes.length);
    expect(received.map(({ message }) => (message as typeof update).task)).toEqual(sizes.map((_, i) => i));
    expect(received.map(({ body }) => body?.length)).toEqual(sizes);
    expect(received[3]!.body === undefined || Buffer.compare(received[3]!.body, pattern(sizes[3]!, 3)) === 0).toBe(
      true,
    );
    expect(client.channel.pending).toBe(false);
  });

  test('cross in both directions', async () => {
    const { server, client } = await channelPair({ bufferedBytesMax: 1 << 20 });
    for (let i = 0; i < 5; i++) {
      client.channel.send(update, pattern(3_000_000, i));
      server.channel.send(examples.model, pattern(2_000_000, i));
    }
    await Promise.all([server.messages(5), client.messages(5)]);
    expect(server.channel.bytesIn).toBe(client.channel.bytesOut);
    expect(client.channel.bytesIn).toBe(server.channel.bytesOut);
    expect(server.channel.bytesIn).toBeGreaterThan(15_000_000);
  });

  test('wait for the budget, which is never exceeded, and all arrive', async () => {
    const budget = new ByteBudget(1_000_000);
    let peakBytes = 0;
    const clients: TestEnd[] = [];
    const releases: Promise<unknown>[] = [];
    for (let c = 0; c < 4; c++) {
      const pair = await connectionPair();
      let left = 10;
      releases.push(
        new Promise<void>((resolve) => {
          new TestEnd(pair.server, {
            role: 'server',
            budget,
            onMessage: (_message, _body, release) => {
              peakBytes = Math.max(peakBytes, budget.usedBytes);
              setImmediate(() => {
                release();
                if (--left === 0) resolve();
              });
            },
          });
        }),
      );
      clients.push(new TestEnd(pair.client, { role: 'client' }));
    }
    for (const { channel } of clients) for (let i = 0; i < 10; i++) channel.send(update, pattern(300_000 + i));
    await Promise.all(releases);
    expect(peakBytes).toBeGreaterThan(600_000);
    expect(peakBytes).toBeLessThanOrEqual(1_000_000);
    expect(budget.usedBytes).toBe(0);
  });

  test('larger than the budget or the limit are refused with a code', async () => {
    for (const server of [{ budget: new ByteBudget(99_999) }, { limits: { ...defaultLimits, bodyBytesMax: 99_999 } }]) {
      const { server: end, client } = await channelPair({ server });
      client.channel.send(update, pattern(100_000));
      const closed = await client.closed;
      expect(closed.error).toMatchObject({ code: 'protocol.body-size', fields: { remote: true } });
      expect((await end.closed).error?.code).toBe('protocol.body-size');
    }
  });

  test('that stop half-way are given up after the stall limit', async () => {
    const { server, client } = await connectionPair();
    const end = new TestEnd(server, { role: 'server', limits: { ...defaultLimits, bodyStallMs: 40 } });
    client.bind({ frame: () => {}, drained: () => {}, closed: () => {} });
    const { encodeControl } = await import('./codec.js');
    client.send(encodeControl(update, { stream: 1, bytes: 100_000 }));
    expect((await end.closed).error?.code).toBe('protocol.stalled');
    expect(end.budget.usedBytes).toBe(0);
  });
});

describe('the end', () => {
  test('a failure reaches the other end with code and text; both close once', async () => {
    const { server, client } = await channelPair();
    server.channel.fail(new FedloomError('join.held', 'No such session.'));
    server.channel.fail(new FedloomError('join.range', 'Never seen.'));
    const atClient = await client.closed;
    expect(atClient.reason).toBe('join.held: No such session.');
    expect(atClient.error).toMatchObject({
      code: 'join.held',
      message: 'No such session.',
      fields: { remote: true },
    });
    expect((await server.closed).error?.fields).toEqual({});
    expect(server.channel.open || client.channel.open).toBe(false);
  });

  test('closing drops what waits and returns granted bytes to the budget', async () => {
    const { server, client } = await channelPair({ bufferedBytesMax: 1 });
    client.channel.send(update, pattern(9_000_000));
    while (server.budget.usedBytes === 0) await new Promise((resolve) => setImmediate(resolve));
    client.channel.close('enough');
    expect((await server.closed).reason).toBe('enough');
    expect(server.budget.usedBytes).toBe(0);
    expect(server.received).toEqual([]);
    client.channel.send(update, pattern(1));
    expect(client.channel.pending).toBe(false);
  });

  test('closeWhenSent lets everything queued arrive first', async () => {
    const { server, client } = await channelPair({ bufferedBytesMax: 1000 });
    server.channel.send(examples.model, pattern(4_000_000));
    server.channel.send(examples.finish);
    server.channel.closeWhenSent('completed');
    server.channel.send(examples.finish);
    expect((await client.closed).reason).toBe('completed');
    expect(client.received.map(({ message }) => message.type)).toEqual(['model', 'finish']);
  });

  test('onClosed is never called from within a call', async () => {
    let calls = 0;
    const pair = await connectionPair();
    const end = new TestEnd(pair.server, { role: 'server', onClosed: () => calls++ });
    end.channel.close();
    expect(calls).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(calls).toBe(1);
  });
});

describe('handlers', () => {
  test('a coded error of the handler fails the channel with its code', async () => {
    const { client, server } = await channelPair({
      server: {
        onMessage: () => {
          throw new FedloomError('join.held', 'Not now.');
        },
      },
    });
    client.channel.send(update, pattern(10));
    expect((await client.closed).error?.code).toBe('join.held');
    expect(server.budget.usedBytes).toBe(0);
  });

  test("a handler's bug costs the connection only, and is reported with its cause", async () => {
    const bug = new TypeError('undefined is not a function');
    const { client, server } = await channelPair({
      server: {
        onMessage: () => {
          throw bug;
        },
      },
    });
    client.channel.send(update, pattern(100_000));
    expect((await server.closed).error).toMatchObject({ code: 'protocol.internal', cause: bug });
    expect((await client.closed).error?.code).toBe('protocol.internal');
    expect(server.budget.usedBytes).toBe(0);
  });
});

describe('a body that is given away', () => {
  /** With room for a chunk's header before it. */
  function roomy(bytes: number): Uint8Array {
    const body = new Uint8Array(new ArrayBuffer(16 + bytes), 16);
    body.set(pattern(bytes));
    return body;
  }

  test.each(bodySizes)('of %i bytes arrives whole and aligned', async (bytes) => {
    const { server, client } = await channelPair({ server: { keepBodies: true } });
    let sent = 0;
    client.channel.send(update, roomy(bytes), { giveAway: true, onSent: () => sent++ });
    client.channel.send(update, pattern(bytes), { giveAway: true, onSent: () => sent++ });
    const received = await server.messages(2);
    for (const { body, release } of received) {
      expect(Buffer.compare(body!, pattern(bytes))).toBe(0);
      expect(body!.byteOffset % 8).toBe(0);
      release();
    }
    expect(sent).toBe(2);
    expect(server.budget.usedBytes).toBe(0);
  });

  test('is not copied where it has the room and fits a chunk, and its memory is gone with the release', async () => {
    const { server, client } = await channelPair({ server: { keepBodies: true } });
    const body = roomy(100_000);
    client.channel.send(update, body, { giveAway: true });
    const [received] = await server.messages(1);
    expect(received!.body!.buffer).toBe(body.buffer);
    received!.release();
    expect(body.byteLength).toBe(0);
  });

  test('is freed where it was copied', async () => {
    const { server, client } = await channelPair();
    const [long, roomless] = [roomy(3_000_000), pattern(100_000)];
    client.channel.send(update, long, { giveAway: true });
    client.channel.send(update, roomless, { giveAway: true });
    await server.messages(2);
    expect([long.byteLength, roomless.byteLength]).toEqual([0, 0]);
  });
});

describe('amends', () => {
  test('are made by a rest for what is refused, and by the whole address for what ends a connection', async () => {
    const { server, client } = await connectionPair();
    let now = 0;
    const amends = new Amends({ now: () => now });
    const rests: number[] = [];
    const told: number[] = [];
    const taken: number[] = [];
    const connection = Object.assign(server, { rest: (ms: number) => rests.push(ms) });
    const end: TestEnd = new TestEnd(connection, {
      role: 'server',
      amends,
      onMessage: (message, _body, release) => {
        const { task } = message as typeof examples.failed;
        now += 30;
        if (task === 1) end.channel.offend(() => told.push(task, rests.length));
        taken.push(task);
        release();
      },
    });
    client.bind({ frame: () => {}, drained: () => {}, closed: () => {} });
    for (const task of [0, 1, 2]) client.send(encodeControl({ ...examples.failed, task }));
    client.send(Uint8Array.of(9));
    expect((await end.closed).error?.code).toBe('protocol.frame');
    const bytes = (task: number) => encodeControl({ ...examples.failed, task }).length;
    // 300 ms for the second message and what its frame took to come, of which 100 are let off; then 30 ms go by.
    const rest = 200 + 10 * frameMs(bytes(1));
    expect([taken, rests]).toEqual([[0, 1, 2], [expect.closeTo(rest, 6)]]);
    expect(told).toEqual([1, 1]);
    // For all that the connection cost, and for its end.
    const framesMs = [bytes(0), bytes(1), bytes(2)].reduce((sum, length) => sum + frameMs(length), 0);
    expect(amends.restMs(server.peer)).toBeCloseTo(rest - 30 + 10 * (90 + 1 + framesMs), 6);
  });
});

test('a connection that reads on, whatever it is to make up for, is not told of as one at rest', async () => {
  const { server, client } = await connectionPair();
  let now = 0;
  const told: number[] = [];
  const end: TestEnd = new TestEnd(server, {
    role: 'server',
    amends: new Amends({ now: () => now }),
    onMessage: (_message, _body, release) => {
      now += 1_000;
      end.channel.offend(() => told.push(now));
      release();
    },
  });
  expect(server.rest).toBeUndefined();
  client.bind({ frame: () => {}, drained: () => {}, closed: () => {} });
  for (const task of [0, 1, 2]) client.send(encodeControl({ ...examples.failed, task }));
  client.send(Uint8Array.of(9));
  await end.closed;
  expect([now, told]).toEqual([3_000, []]);
});

describe('sending', () => {
  test('a message that the other end would refuse throws at its sender', async () => {
    const { client } = await channelPair();
    expect(() => client.channel.send({ ...update, trainMs: Number.NaN }, pattern(1))).toThrow("field 'trainMs'");
    expect(() => client.channel.send({ ...update, trainMs: Number.NaN }, pattern(100_000))).toThrow("field 'trainMs'");
    expect(() => client.channel.send(update)).toThrow('needs a body');
    expect(() => client.channel.send(examples.leave, pattern(1))).toThrow('has no body');
    expect(client.channel.open).toBe(true);
  });
});

describe('what waits for all ends together', () => {
  /** A client that takes nothing, to which 2.5 MiB are owed of 4 that may be. */
  async function oneIsDeaf() {
    const owed = new OwedBytes(4 << 20, systemTimers);
    const deaf = await connectionPair();
    const server = new TestEnd(deaf.server, { role: 'server', owed });
    const text = { ...examples.settled, reason: 'x'.repeat(4_000) };
    for (let i = 0; i < 650; i += 1) server.channel.send(text);
    onTestFinished(() => server.channel.close());
    return { owed, server, say: () => deaf.client.send(encodeControl(examples.failed)) };
  }

  test('who says more is dropped, once it is owed more than its share; others are not', async () => {
    const { owed, server, say } = await oneIsDeaf();
    const other = await connectionPair();
    const honest = new TestEnd(other.server, { role: 'server', owed });
    const client = new TestEnd(other.client, { role: 'client' });
    client.channel.send(examples.failed);
    await honest.messages(1);
    say();
    expect((await server.closed).error).toMatchObject({ code: 'protocol.owed', fields: { bytesMax: 2 << 20 } });
    expect(honest.channel.open).toBe(true);
    honest.channel.close();
  });

  test('large bodies go on, piece by piece', async () => {
    const { owed, server } = await oneIsDeaf();
    const other = await connectionPair();
    const honest = new TestEnd(other.server, { role: 'server', owed });
    const client = new TestEnd(other.client, { role: 'client' });
    const body = pattern(3_500_000);
    honest.channel.send(examples.model, body);
    const [received] = await client.messages(1);
    expect(Buffer.compare(received?.body ?? new Uint8Array(), body)).toBe(0);
    expect(server.channel.open).toBe(true);
    honest.channel.close();
  });
});
