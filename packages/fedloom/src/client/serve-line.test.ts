import { getEventListeners } from 'node:events';
import { FedloomError } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { hashFrom, versionNumber } from '../core/brands.js';
import { systemClock } from '../core/clock.js';
import { ByteBudget } from '../protocol/byte-budget.js';
import { defaultLimits } from '../protocol/limits.js';
import type { ErrorMessage, Message, ServerMessage } from '../protocol/messages.js';
import { type MessagePeer, OwnMessages } from '../protocol/own-messages.js';
import { connectionPair, TestEnd } from '../protocol/testing/channel-pair.js';
import { type LineOptions, serveLine } from './serve-line.js';
import { WELCOME } from './testing/host-under-test.js';

const finish = { type: 'finish', reason: 'completed', message: '' } as const;
const joined = { type: 'joined', clients: [{ from: 0, count: 1 }] } as const;
const HELLO = { type: 'hello', versions: [2], software: 't', capabilities: [] } as const;

/** A line that is served, its other end, and what was told of it. */
async function underTest(over: Partial<LineOptions> = {}) {
  const { client, server } = await connectionPair();
  const heard: string[] = [];
  const told: { lost: boolean; code: string | undefined }[] = [];
  const ended = serveLine(client, {
    budget: new ByteBudget(1 << 20),
    limits: defaultLimits,
    timers: systemClock,
    messages: new OwnMessages('client'),
    onOpen: (channel) => channel.send(HELLO),
    onMessage: async (_channel, { type }) => {
      heard.push(type);
    },
    mayPass: ({ code }) => code === 'protocol.stalled',
    onClosed: async (_channel, lost, error) => {
      told.push({ lost, code: error?.code });
    },
    ...over,
  });
  ended.catch(() => {});
  const end = new TestEnd(server, { role: 'server' });
  const say = (...messages: (ServerMessage | ErrorMessage)[]) => {
    for (const message of messages) end.channel.send(message);
  };
  return { end, server, ended, heard, told, say, cut: (reason = 'cut') => server.close(reason) };
}

describe('a connection', () => {
  it('is opened by the client, and ends when the run is over', async () => {
    const { end, ended, heard, told, say } = await underTest({
      onMessage: async (channel, { type }) => {
        heard.push(type);
        if (type === 'finish') channel.close('the run is over');
      },
    });
    expect((await end.messages(1)).map(({ message }) => message)).toEqual([HELLO]);
    say(joined, finish);
    expect(await ended).toEqual({ kind: 'finished', finish });
    expect([heard, told, (await end.closed).reason]).toEqual([
      ['joined', 'finish'],
      [{ lost: false, code: undefined }],
      'the run is over',
    ]);
  });

  it('that breaks when the run is over has done what it was for', async () => {
    const { ended, told, say, cut } = await underTest();
    say(finish);
    cut();
    expect(await ended).toEqual({ kind: 'finished', finish });
    expect(told).toEqual([{ lost: false, code: undefined }]);
  });

  it.each([
    ['before', [], false],
    ['after', [joined], true],
  ] as const)('that breaks %s the clients were taken in is lost, and says so', async (_when, messages, isJoined) => {
    const { ended, told, say, cut } = await underTest();
    say(...messages);
    cut('transport.lost: gone');
    expect(await ended).toEqual({ kind: 'lost', reason: 'transport.lost: gone', joined: isJoined });
    expect(told).toEqual([{ lost: true, code: undefined }]);
  });

  it('that ends with an error ends the client, unless the next may go better', async () => {
    const refused = await underTest();
    refused.say({ type: 'error', code: 'join.range', message: 'no such index' });
    await expect(refused.ended).rejects.toMatchObject({
      code: 'join.range',
      message: 'The server refused this client: no such index',
      cause: expect.any(FedloomError),
    });
    const stalled = await underTest();
    stalled.say({ type: 'error', code: 'protocol.stalled', message: 'too slow' });
    expect(await stalled.ended).toMatchObject({ kind: 'lost', reason: 'protocol.stalled: too slow' });
    expect([refused.told, stalled.told]).toEqual([
      [{ lost: false, code: 'join.range' }],
      [{ lost: true, code: 'protocol.stalled' }],
    ]);
  });

  it('whose other end breaks the protocol ends the client in words of its own; the other end is told', async () => {
    const { server, end, ended, told } = await underTest();
    server.send(Uint8Array.of(9));
    const message = expect.not.stringContaining('refused');
    await expect(ended).rejects.toMatchObject({ code: 'protocol.frame', message });
    expect((await end.closed).error).toMatchObject({ code: 'protocol.frame', fields: { remote: true } });
    expect(told).toEqual([{ lost: false, code: 'protocol.frame' }]);
  });

  it('is over for its owner before its end is told', async () => {
    let over: () => void = () => {};
    const { ended, cut } = await underTest({
      onClosed: () =>
        new Promise((resolve) => {
          over = resolve;
        }),
    });
    let isOver = false;
    void ended.then(() => {
      isOver = true;
    });
    cut();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(isOver).toBe(false);
    over();
    expect(await ended).toMatchObject({ kind: 'lost' });
  });

  it('hands its peer to own messages when it is welcomed, each time anew', async () => {
    const peers: MessagePeer[] = [];
    const messages = new OwnMessages('client', { onPeer: (peer) => peers.push(peer) });
    for (const session of ['one', 'two']) {
      const { ended, say, cut } = await underTest({ messages });
      say({ ...WELCOME, session });
      cut();
      await ended;
    }
    expect(peers.map(({ session, open }) => [session, open])).toEqual([
      ['one', false],
      ['two', false],
    ]);
  });
});

describe('a message that cannot be taken', () => {
  const throwing =
    (errors: Partial<Record<Message['type'], Error>>) =>
    async (_: unknown, { type }: Message) => {
      const error = errors[type];
      if (error !== undefined) throw error;
    };

  it('for a reason of the protocol: the server is told, and the client ends with it', async () => {
    const onMessage = throwing({
      joined: new FedloomError('client.hash', 'not that', { actual: 'this', hash: 'that' }),
    });
    const { end, ended, told, say } = await underTest({ onMessage });
    say(joined);
    await expect(ended).rejects.toMatchObject({ code: 'client.hash', message: 'not that' });
    expect((await end.closed).error).toMatchObject({ code: 'client.hash', fields: { remote: true } });
    expect(told).toEqual([{ lost: false, code: 'client.hash' }]);
  });

  it('for a bug: the client ends with it, and the first counts', async () => {
    const onMessage = throwing({ joined: new Error('a bug'), forget: new Error('another') });
    const { end, ended, say } = await underTest({ onMessage });
    say(joined, {
      type: 'forget',
      versions: [{ model: 'm', number: versionNumber(0), hash: hashFrom(`sha256:${'0'.repeat(64)}`) }],
    });
    await expect(ended).rejects.toThrow('a bug');
    expect(await end.closed).toEqual({ reason: 'the client failed', error: undefined });
  });

  it('after the run was over changes nothing', async () => {
    const onMessage = throwing({ finish: new Error('a bug') });
    const { ended, say } = await underTest({ onMessage });
    say(finish);
    expect(await ended).toEqual({ kind: 'finished', finish });
  });
});

describe('a signal', () => {
  it('makes the client leave, and is forgotten with the line', async () => {
    const gone = new AbortController();
    const { end, ended, told } = await underTest({ signal: gone.signal });
    await end.messages(1);
    gone.abort();
    expect(await ended).toMatchObject({ kind: 'lost', reason: 'the client leaves' });
    expect([told, (await end.closed).reason]).toEqual([[{ lost: false, code: undefined }], 'the client leaves']);
    const kept = new AbortController();
    const other = await underTest({ signal: kept.signal });
    expect(getEventListeners(kept.signal, 'abort')).toHaveLength(1);
    other.cut();
    await other.ended;
    expect(getEventListeners(kept.signal, 'abort')).toHaveLength(0);
  });

  it('that was there before: nothing is said', async () => {
    const { end, ended } = await underTest({ signal: AbortSignal.abort() });
    expect(await ended).toMatchObject({ kind: 'lost', joined: false });
    await end.closed;
    expect(end.received).toEqual([]);
  });
});
