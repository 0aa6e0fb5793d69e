import { FedloomError } from '@fedloom/engine';
import { describe, expect, test, vi } from 'vitest';
import { Recorder } from '../../conformance/recorder.js';
import { clientIndex } from '../../core/brands.js';
import type { AnyMessage } from '../../protocol/codec.js';
import type { SessionDoorOptions } from './session-door.js';
import { openDoor, testLobby } from './testing/lobby-end.js';

const finish = { type: 'finish', reason: 'completed', message: '' } as const;
const join = { type: 'join', clients: [{ from: 0, count: 1 }] } as const;
const types = (messages: readonly { readonly message: AnyMessage }[]) => messages.map(({ message }) => message.type);

function opened(onMessage?: SessionDoorOptions['onMessage']) {
  const house = testLobby();
  return { ...house, ...openDoor(house.lobby, 'r', onMessage && { onMessage }) };
}

describe('at the door', () => {
  test('the handshake gives each connection a session of its own', async () => {
    const { door, clock, came, enter } = opened();
    const [one, two] = [await enter(), await enter()];
    const sessions = [one, two]
      .map(({ received }) => received[1]?.message)
      .map((welcome) => welcome?.type === 'welcome' && welcome.session);
    expect(sessions).toEqual(['s0', 's1']);
    expect([types(one.received), clock.delaysMs]).toEqual([['challenge', 'welcome'], []]);
    two.channel.send(join);
    one.channel.send(join);
    await vi.waitFor(() => expect(came).toHaveLength(2));
    expect(came).toEqual([
      ['s1', 'join'],
      ['s0', 'join'],
    ]);
    expect(door.get('s1')?.channel.open).toBe(true);
  });

  test('who does not complete the handshake in time is let go, and nobody hears of it', async () => {
    const { clock, gone, dial } = opened();
    const client = await dial();
    client.channel.send({ type: 'hello', versions: [2], software: 'c', capabilities: [] });
    await client.messages(1);
    expect(clock.delaysMs).toEqual([10_000]);
    clock.fire();
    expect((await client.closed).error?.code).toBe('protocol.handshake-timeout');
    expect(gone).toEqual([]);
  });

  test('a session message before the handshake, and a second handshake after it, break the order', async () => {
    const { came, dial, enter } = opened();
    const early = await dial();
    early.channel.send(join);
    expect((await early.closed).error?.code).toBe('protocol.order');
    const late = await enter();
    late.channel.send({ type: 'hello', versions: [2], software: 'c', capabilities: [] });
    expect((await late.closed).error?.code).toBe('protocol.order');
    expect(came).toEqual([]);
  });

  test('what the run refuses costs the session that said it, and the run hears once that it is gone', async () => {
    const { door, gone, enter } = opened(() => {
      throw new FedloomError('join.held', 'Somebody is client 0 already.');
    });
    const [refused, other] = [await enter(), await enter()];
    refused.channel.send(join);
    refused.channel.send(join);
    expect((await refused.closed).error).toMatchObject({ code: 'join.held', fields: { remote: true } });
    await vi.waitFor(() => expect(gone).toHaveLength(1));
    expect(gone).toEqual([['s0', 'join.held: Somebody is client 0 already.']]);
    expect([door.get('s0'), door.get('s1')?.channel.open, other.channel.open]).toEqual([undefined, true, true]);
  });

  test('bytes of connections that are over still count', async () => {
    const { door, gone, enter } = opened();
    const client = await enter();
    const before = door.bytes;
    expect(before).toEqual({ up: client.channel.bytesOut, down: client.channel.bytesIn });
    client.channel.close();
    await vi.waitFor(() => expect(gone).toHaveLength(1));
    expect(door.bytes).toEqual(before);
  });

  test('a run that breaks when it hears that somebody is gone is told so, and the process lives', async () => {
    const { lobby, enter } = testLobby();
    const broken = openDoor(lobby, 'r', {
      onClosed: () => {
        throw new Error('a bug');
      },
    });
    (await enter()).channel.close();
    await vi.waitFor(() => expect(broken.failures).toEqual([new Error('a bug')]));
    expect([...broken.door.sessions]).toEqual([]);
  });

  test('a run that breaks when it hears of a new peer keeps nothing of it', async () => {
    const { lobby, knock } = testLobby();
    const { door, gone } = openDoor(lobby, 'r', {
      onPeer: () => {
        throw new Error('a bug');
      },
    });
    expect((await (await knock()).closed).error?.code).toBe('protocol.internal');
    await vi.waitFor(() => expect(gone).toHaveLength(1));
    expect([...door.sessions]).toEqual([]);
  });
});

describe('the silence of a session', () => {
  test('is borne until it has joined, and while it owes an answer', async () => {
    const { door, accepted, enter, dial } = opened((session, message) => {
      if (message.type === 'join') session.work((work) => work.joined());
    });
    const client = await enter();
    await dial();
    expect(accepted.map(({ patient }) => patient)).toEqual([true, false]);
    client.channel.send(join);
    await vi.waitFor(() => expect(accepted[0]?.patient).toBe(false));
    door.get('s0')?.work((work) => work.askedToTrain([clientIndex(0)]));
    expect(accepted[0]?.patient).toBe(true);
    door.get('s0')?.work((work) => work.trained([clientIndex(0)]));
    expect(accepted[0]?.patient).toBe(false);
  });
});

describe('the farewell', () => {
  test('reaches everybody, also who comes later, and ends when the last has closed', async () => {
    const { door, gone, clock, enter } = opened();
    const client = await enter();
    const closing = door.close(finish);
    expect(clock.delaysMs).toEqual([2_000]);
    const late = await enter();
    for (const end of [client, late]) {
      expect(types(await end.messages(3))).toEqual(['challenge', 'welcome', 'finish']);
      end.channel.close('the run is over');
    }
    await closing;
    expect(gone).toHaveLength(2);
    expect(clock.delaysMs).toEqual([]);
  });

  test('is told to one session after the other, once, before the rest hears of it', async () => {
    const { lobby, door, enter } = opened();
    const [one, two] = [await enter(), await enter()];
    const [first] = [...door.sessions];
    if (first === undefined) throw new Error('nobody is in');
    door.tell(first);
    door.end(finish);
    expect(lobby.runs).toEqual([]);
    door.tell(first);
    const late = await enter('r');
    expect(types(await one.messages(3))).toEqual(['challenge', 'welcome', 'finish']);
    expect([types(two.received), types(late.received)]).toEqual([
      ['challenge', 'welcome'],
      ['challenge', 'welcome'],
    ]);
    const closing = door.close(finish);
    for (const end of [one, two, late]) {
      expect(types(await end.messages(3))).toEqual(['challenge', 'welcome', 'finish']);
      end.channel.close();
    }
    await closing;
  });

  test('waits no longer than its time for who does not close', async () => {
    const { door, clock, enter } = opened();
    const client = await enter();
    const closing = door.close(finish);
    await client.messages(3);
    clock.fire();
    await closing;
    expect((await client.closed).reason).toBe('the run is over');
  });

  test('of an empty house is over at once, whoever still stands in the lobby', async () => {
    const { lobby, door, clock, transport, listener } = opened();
    const silent = Recorder.bind(await transport.dial(listener.url));
    await door.close(finish);
    expect(clock.delaysMs).toEqual([10_000]);
    lobby.close();
    await silent.ended();
    await vi.waitFor(() => expect(clock.delaysMs).toEqual([]));
  });
});
