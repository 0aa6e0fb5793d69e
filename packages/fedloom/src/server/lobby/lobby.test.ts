import { FedloomError } from '@fedloom/engine';
import { describe, expect, test, vi } from 'vitest';
import { Recorder } from '../../conformance/recorder.js';
import { encodeControl } from '../../protocol/codec.js';
import { defineMessage } from '../../protocol/define-message.js';
import type { ServerAuth } from '../../protocol/handshake.js';
import { handleMessage, OwnMessages } from '../../protocol/own-messages.js';
import { connectionPair } from '../../protocol/testing/channel-pair.js';
import { update } from '../../protocol/testing/messages.js';
import { openDoor, testLobby } from './testing/lobby-end.js';

const finish = { type: 'finish', reason: 'completed', message: 'done' } as const;
const join = { type: 'join', clients: [{ from: 0, count: 1 }] } as const;

function twoRuns() {
  const house = testLobby();
  return { ...house, digits: openDoor(house.lobby, 'digits'), texts: openDoor(house.lobby, 'texts') };
}

test('an address that has to make amends is not read from at once when it comes again', async () => {
  const { lobby, clock, enter } = testLobby();
  openDoor(lobby);
  for (let i = 0; i < 11; i += 1) {
    const evil = await enter();
    evil.channel.send({ type: 'auth', method: 'none' });
    expect((await evil.closed).error?.code).toBe('protocol.order');
  }
  const rests: number[] = [];
  const comeAgain = async () => {
    const { server } = await connectionPair();
    lobby.accept(Object.assign(server, { rest: (ms: number) => rests.push(ms) }));
  };
  // Of eleven faults of a millisecond each, and what their frames took to come, nearly ten are let off.
  await comeAgain();
  const [restMs = 0] = rests;
  expect(restMs).toBeGreaterThan(10);
  expect(restMs).toBeLessThan(40);
  clock.now = () => restMs;
  await comeAgain();
  expect(rests).toEqual([restMs]);
});

describe('the run that a client names', () => {
  test('has its session, its messages and its bytes; the other hears nothing', async () => {
    const { digits, texts, enter } = twoRuns();
    const [one, two] = [await enter('texts'), await enter('digits')];
    one.channel.send(join);
    await vi.waitFor(() => expect(texts.came).toEqual([['s0', 'join']]));
    expect([digits.came, digits.door.get('s0'), texts.door.get('s1')]).toEqual([[], undefined, undefined]);
    for (const [end, { door }] of [
      [one, texts],
      [two, digits],
    ] as const) {
      expect(end.received[1]?.message).toMatchObject({ type: 'welcome', run: door.options.welcome.run });
      expect(door.bytes).toEqual({ up: end.channel.bytesOut, down: end.channel.bytesIn });
    }
    one.channel.close();
    await vi.waitFor(() => expect(texts.gone).toHaveLength(1));
    expect(digits.gone).toEqual([]);
  });

  test('need not be named where there is only one, and comes with its limits', async () => {
    const { lobby, enter } = testLobby();
    expect(lobby.budget.capacityBytes).toBe(0);
    const { door } = openDoor(lobby, 'r', { bodyBytesMax: 100_000, budgetBytes: 300_000 });
    openDoor(lobby, 'narrow', { bodyBytesMax: 70_000, budgetBytes: 200_000 });
    expect(lobby.budget.capacityBytes).toBe(300_000);
    const [wide, narrow] = [await enter('r'), await enter('narrow')];
    for (const end of [wide, narrow]) end.channel.send(update, new Uint8Array(80_000));
    expect((await narrow.closed).error).toMatchObject({
      code: 'protocol.body-size',
      message: expect.stringContaining('at most 70000'),
    });
    await vi.waitFor(() => expect(door.bytes.up).toBeGreaterThan(80_000));
    expect([wide.channel.open, lobby.budget.usedBytes]).toEqual([true, 0]);
  });

  test.each([
    ['must be there', 'letters', /^No run named letters is open here\. Open: digits, texts\.$/],
    ['must be said where there are several', undefined, /^Several runs are open here: name one of digits, texts\.$/],
  ])('%s', async (_what, run, text) => {
    const { knock, clock, digits, texts } = twoRuns();
    const { error } = await (await knock(run)).closed;
    expect(error).toMatchObject({ code: 'lobby.run', message: expect.stringMatching(text) });
    expect([digits.gone, texts.gone, clock.delaysMs]).toEqual([[], [], []]);
  });

  test('may come later: a lobby without runs says so', async () => {
    const { lobby, knock, enter } = testLobby();
    expect((await (await knock('r')).closed).error?.code).toBe('lobby.empty');
    expect((await (await knock()).closed).error?.code).toBe('lobby.empty');
    openDoor(lobby);
    expect((await enter()).received).toHaveLength(2);
  });

  test('is told among many, but not all of them', async () => {
    const { lobby, knock } = testLobby();
    for (let i = 0; i < 400; i += 1) openDoor(lobby, `run-${i}-${'x'.repeat(100)}`);
    const { error } = await (await knock()).closed;
    expect(error?.message).toMatch(/ and 380 more\.$/);
  });

  test('has a name that no other has', async () => {
    const { lobby } = twoRuns();
    expect(() => openDoor(lobby, 'digits')).toThrow(expect.objectContaining({ code: 'lobby.run-taken' }));
    expect(lobby.runs).toEqual(['digits', 'texts']);
  });
});

test('who was let in by what holds no more is closed upon, the others stay', async () => {
  const revoked = new Set<string>();
  let changed = (): void => {};
  let watched = true;
  const auth: ServerAuth = {
    name: 'none',
    verify: (proof) => ({ name: 'somebody', provedBy: proof ?? 'nothing' }),
    holds: ({ provedBy = '' }) => !revoked.has(provedBy),
    watch: (tell) => {
      changed = tell;
      return () => {
        watched = false;
      };
    },
  };
  const { lobby, dial } = testLobby({ auth: [auth] });
  const { gone } = openDoor(lobby);
  const clients = await Promise.all(
    ['one', 'two'].map(async (proof) => {
      const client = await dial();
      client.channel.send({ type: 'hello', versions: [2], software: 'c', capabilities: [] });
      client.channel.send({ type: 'auth', method: 'none', proof });
      await client.messages(2);
      return client;
    }),
  );
  revoked.add('two');
  expect(clients.map(({ channel }) => channel.open)).toEqual([true, true]);
  changed();
  expect((await clients[1]?.closed)?.error).toMatchObject({ code: 'session.revoked', fields: {} });
  expect([clients[0]?.channel.open, gone.length]).toEqual([true, 1]);
  lobby.close();
  expect(watched).toBe(false);
});

describe('a run that is over', () => {
  test('says farewell to its own; the others go on', async () => {
    const { lobby, digits, texts, enter, knock } = twoRuns();
    const [mine, other] = [await enter('digits'), await enter('texts')];
    const closing = digits.door.close(finish);
    expect([(await mine.messages(3))[2]?.message, other.received.length]).toEqual([finish, 2]);
    mine.channel.close();
    await closing;
    expect(lobby.runs).toEqual(['texts']);
    // Who names none is now sent to the one that is left.
    const third = await enter();
    expect(third.received[1]?.message).toMatchObject({ run: 'texts' });
    expect([...texts.door.sessions].length).toBe(2);
    // Who comes back to the one that is over hears how it ended.
    const late = await knock('digits');
    expect((await late.messages(3)).map(({ message }) => message)).toMatchObject([
      { type: 'challenge' },
      { type: 'welcome', run: 'digits' },
      finish,
    ]);
    expect(await late.closed).toEqual({ reason: 'the run is over', error: undefined });
    expect(digits.gone).toHaveLength(1);
  });

  test('leaves its name to another once the farewell is over', async () => {
    const { lobby, digits, enter, clock } = twoRuns();
    const client = await enter('digits');
    const closing = digits.door.close(finish);
    expect(() => openDoor(lobby, 'digits')).toThrow(expect.objectContaining({ code: 'lobby.run-taken' }));
    clock.fire();
    await closing;
    await client.closed;
    const again = openDoor(lobby, 'digits');
    await enter('digits');
    expect([...again.door.sessions]).toHaveLength(1);
  });

  test('gives back the memory that its clients held, and the others go on', async () => {
    const { lobby, transport, listener, clock, enter } = testLobby();
    const hoarders = openDoor(lobby, 'hoarders', { budgetBytes: 1 << 20 });
    const others = openDoor(lobby, 'others', { budgetBytes: 1 << 20 });
    const hoarder = await transport.dial(listener.url);
    const heard = Recorder.bind(hoarder);
    hoarder.send(encodeControl({ type: 'hello', versions: [2], software: 'c', capabilities: [] }));
    hoarder.send(encodeControl({ type: 'auth', method: 'none', run: 'hoarders' }));
    // It asks for all there is, and sends nothing.
    hoarder.send(encodeControl(update, { stream: 1, bytes: 1 << 20 }));
    await heard.received(3);
    expect(lobby.budget.usedBytes).toBe(1 << 20);
    const other = await enter('others');
    other.channel.send(update, new Uint8Array(100_000));
    await vi.waitFor(() => expect(others.door.bytes.up).toBe(other.channel.bytesOut));
    expect(others.came).toEqual([]);
    const closing = hoarders.door.close(finish);
    clock.fire();
    await closing;
    await vi.waitFor(() => expect(others.came).toEqual([['s1', 'update']]));
    expect(lobby.budget.usedBytes).toBe(0);
  });

  test('that only breaks in what one client says costs that client', async () => {
    const { lobby, enter } = testLobby();
    openDoor(lobby, 'broken', {
      onMessage: () => {
        throw new Error('a bug');
      },
    });
    const sound = openDoor(lobby, 'sound');
    const [one, two] = [await enter('broken'), await enter('sound')];
    one.channel.send(join);
    two.channel.send(join);
    expect((await one.closed).error?.code).toBe('protocol.internal');
    await vi.waitFor(() => expect(sound.came).toHaveLength(1));
    expect(two.channel.open).toBe(true);
  });
});

describe('own messages', () => {
  const message = (type: string, at: number) =>
    defineMessage<{ readonly type: string; readonly at: number }>({
      type,
      from: 'client',
      body: 'none',
      schema: {
        safeParse: (value) =>
          (value as { at: number }).at === at
            ? { success: true, data: { type, at } }
            : { success: false, error: { issues: [{ path: ['at'], message: `it must be ${at}` }] } },
      },
    });

  test('are those of the run: two may define the same type in two ways, and a third knows none', async () => {
    const { lobby, enter } = testLobby();
    const heard: string[] = [];
    for (const [run, at] of [
      ['one', 1],
      ['two', 2],
    ] as const) {
      openDoor(lobby, run, { messages: [handleMessage(message('lab/at', at), () => void heard.push(run))] });
    }
    openDoor(lobby, 'none');
    for (const [run, at] of [
      ['two', 2],
      ['one', 1],
    ] as const) {
      const end = await enter(run, new OwnMessages('client', { messages: [message('lab/at', at)] }));
      expect(end.received[1]?.message).toMatchObject({ capabilities: ['lab/at'] });
      end.channel.send({ type: 'lab/at', at });
      await vi.waitFor(() => expect(heard).toContain(run));
    }
    expect(heard).toEqual(['two', 'one']);
    const own = new OwnMessages('client', { messages: [message('lab/at', 1)] });
    const stray = await enter('none', own);
    stray.channel.send({ type: 'lab/at', at: 1 });
    expect((await stray.closed).error?.code).toBe('protocol.unknown-message');
    expect(stray.received[1]?.message).not.toHaveProperty('capabilities');
  });

  test('that a client cannot do without must be known to its run', async () => {
    const { lobby, dial } = testLobby();
    openDoor(lobby, 'r', { messages: [handleMessage(message('lab/at', 1), () => {})] });
    const client = await dial();
    client.channel.send({ type: 'hello', versions: [2], software: 'c', capabilities: ['lab/at', '!lab/more'] });
    client.channel.send({ type: 'auth', method: 'none' });
    expect((await client.closed).error?.code).toBe('protocol.capability');
  });

  test('are too early before the handshake is over', async () => {
    const { lobby, dial } = testLobby();
    const own = message('lab/at', 1);
    openDoor(lobby, 'r', { messages: [handleMessage(own, () => expect.unreachable())] });
    const early = await dial(new OwnMessages('client', { messages: [own] }));
    early.channel.send({ type: 'lab/at', at: 1 });
    expect((await early.closed).error?.code).toBe('protocol.order');
  });
});

describe('strangers', () => {
  test('get no memory, whatever the runs have', async () => {
    const { lobby, dial } = testLobby();
    openDoor(lobby);
    const [large, small] = [await dial(), await dial()];
    large.channel.send(update, new Uint8Array(100_000));
    small.channel.send(update, new Uint8Array(100));
    expect((await large.closed).error?.code).toBe('protocol.body-size');
    expect((await small.closed).error?.code).toBe('protocol.order');
    expect(lobby.budget.usedBytes).toBe(0);
  });

  test('find a closed lobby closed', async () => {
    const { lobby, dial, enter, clock } = testLobby();
    const { door } = openDoor(lobby);
    const inside = await enter();
    const waiting = await dial();
    lobby.close();
    expect((await waiting.closed).error).toBeUndefined();
    expect(await (await dial()).closed).toMatchObject({ reason: 'the server is closing' });
    expect([inside.channel.open, [...door.sessions].length]).toEqual([true, 1]);
    await vi.waitFor(() => expect(clock.delaysMs).toEqual([]));
  });

  test('with a proof that does not hold are not told which runs there are', async () => {
    const { dial } = twoRuns();
    const client = await dial();
    client.channel.send({ type: 'hello', versions: [2], software: 'c', capabilities: [] });
    client.channel.send({ type: 'auth', method: 'guess', run: 'letters' });
    const { error } = await client.closed;
    expect(error).toBeInstanceOf(FedloomError);
    expect([error?.code, error?.message.includes('digits')]).toEqual(['protocol.auth', false]);
  });
});

describe('a connection over which nobody takes part', () => {
  const leave = { type: 'leave', clients: [{ from: 0, count: 1 }] } as const;

  test('is closed after a while, from the handshake or from the last who left', async () => {
    const { lobby, clock, enter } = testLobby({ joinTimeoutMs: 60_000 });
    const present = new Set<string>();
    const { came } = openDoor(lobby, 'r', {
      takesPart: ({ id }) => present.has(id),
      onMessage: ({ id }, { type }) => {
        if (type === 'join') present.add(id);
        if (type === 'leave') present.delete(id);
      },
    });
    const [idle, busy] = [await enter(), await enter()];
    busy.channel.send(join);
    await vi.waitFor(() => expect(came).toHaveLength(1));
    // Who takes part waits for nothing.
    expect(clock.delaysMs).toEqual([60_000]);
    clock.fire(60_000);
    expect((await idle.closed).error).toMatchObject({ code: 'join.timeout', message: expect.stringContaining('60 s') });
    busy.channel.send(leave);
    await vi.waitFor(() => expect(came).toHaveLength(2));
    expect([busy.channel.open, clock.delaysMs]).toEqual([true, [60_000]]);
    clock.fire();
    expect((await busy.closed).error?.code).toBe('join.timeout');
    expect(clock.delaysMs).toEqual([]);
  });

  test('may stay in a lobby that sets no time', async () => {
    const { lobby, clock, enter } = testLobby();
    openDoor(lobby, 'r', { takesPart: () => false });
    await enter();
    expect(clock.delaysMs).toEqual([]);
  });
});
