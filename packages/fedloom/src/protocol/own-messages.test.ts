import { FedloomError } from '@fedloom/engine';
import { describe, expect, test } from 'vitest';
import { type BodyRule, defineMessage, type MessageSender } from './define-message.js';
import { handleMessage, type MessageOptions, type MessagePeer, OwnMessages } from './own-messages.js';
import { connectionPair, TestEnd } from './testing/channel-pair.js';

const tired = () => FedloomError.from({ code: 'acme.tired', message: 'Not now.', fields: {} });

type Note = { readonly type: `acme/${string}`; readonly text: string };

function note(type: Note['type'], from: MessageSender = 'both', body: BodyRule = 'optional') {
  return defineMessage<Note>({
    type,
    from,
    body,
    schema: {
      safeParse: (value) => {
        const { text } = value as { readonly text?: unknown };
        return typeof text === 'string' && text.length < 100
          ? { success: true, data: { type, text } }
          : { success: false, error: { issues: [{ path: ['text'], message: 'it must be a short text' }] } };
      },
    },
  });
}

const question = note('acme/question', 'client');
const answer = note('acme/answer', 'server');

/** Two ends that are through their handshake, with what both have in common. */
async function peers(server: MessageOptions, client: MessageOptions, common = ['acme/question', 'acme/answer']) {
  const pair = await connectionPair();
  const ends = { server: new OwnMessages('server', server), client: new OwnMessages('client', client) };
  const end = (role: 'server' | 'client') => {
    let peer: MessagePeer | undefined;
    const messages = ends[role];
    const test = new TestEnd(pair[role], {
      role,
      registry: messages.registry,
      onExtension: (message, body, release) => messages.receive(test.channel, peer, message, body, release),
    });
    return { ...test, test, peer: () => (peer ??= messages.connect(test.channel, 's0', common)) };
  };
  return { server: end('server'), client: end('client') };
}

describe('own messages', () => {
  test('are sent, taken with their body, and answered', async () => {
    const asked: [string, number[]][] = [];
    const { server, client } = await peers(
      {
        messages: [
          handleMessage(question, async ({ text }, from, body) => {
            await Promise.resolve();
            asked.push([text, [...(body ?? [])]]);
            from.send(answer, { text: `${text}!` });
          }),
          answer,
        ],
      },
      {
        messages: [question, handleMessage(answer, ({ text }, { session }) => resolveAnswer(`${session}: ${text}`))],
      },
    );
    let resolveAnswer: (text: string) => void = () => {};
    const answered = new Promise<string>((resolve) => {
      resolveAnswer = resolve;
    });
    server.peer();
    expect(client.peer().send(question, { text: 'well' }, Uint8Array.of(1, 2))).toBe(true);
    expect(await answered).toBe('s0: well!');
    expect(asked).toEqual([['well', [1, 2]]]);
    expect(server.budget.usedBytes).toBe(0);
  });

  test('never reach an end that did not announce them, nor one that is gone', async () => {
    const { server, client } = await peers({ messages: [answer] }, { messages: [question, answer] }, ['acme/answer']);
    expect(client.peer().knows(question)).toBe(false);
    expect(client.peer().send(question, { text: 'nobody hears' })).toBe(false);
    expect(server.peer().send(answer, { text: 'heard' })).toBe(true);
    server.test.channel.closeWhenSent('done');
    await client.closed;
    expect(server.peer().open).toBe(false);
    expect(server.peer().send(answer, { text: 'late' })).toBe(false);
    expect(server.received).toEqual([]);
  });

  test.each<[string, (peer: MessagePeer) => void, string]>([
    ['by the wrong end', (peer) => peer.send(answer, { text: '' }), 'protocol.direction'],
    ['that this end was not given', (peer) => peer.send(note('acme/other'), { text: '' }), 'protocol.definition'],
    ['that breaks its own schema', (peer) => peer.send(question, { text: 'x'.repeat(100) }), 'protocol.message'],
    ['that has no body to have', (peer) => peer.send(bare, { text: '' }, Uint8Array.of(1)), 'protocol.body'],
  ])('are refused where they are sent: one %s', async (_what, send, code) => {
    const { client } = await peers({}, { messages: [question, answer, bare] }, ['acme/question', 'acme/bare']);
    expect(() => send(client.peer())).toThrow(expect.objectContaining({ code }));
    expect(client.test.channel.open).toBe(true);
  });
  const bare = note('acme/bare', 'client', 'none');

  test.each<[string, () => void | Promise<void>, object]>([
    ['that refuses', () => Promise.reject(tired()), { code: 'acme.tired', message: 'Not now.' }],
    [
      'that refuses at once',
      () => {
        throw tired();
      },
      { code: 'acme.tired' },
    ],
    ['with a bug', () => Promise.reject(new TypeError('undefined is')), { code: 'protocol.internal' }],
  ])('a handler %s costs its connection, and the other end learns why', async (_what, handle, error) => {
    const { server, client } = await peers({ messages: [handleMessage(question, handle)] }, { messages: [question] });
    server.peer();
    client.peer().send(question, { text: 'well' }, new Uint8Array(70_000));
    expect((await client.closed).error).toMatchObject(error);
    expect(server.budget.usedBytes).toBe(0);
  });

  test('before the handshake is over break the order', async () => {
    const { client } = await peers({ messages: [question] }, { messages: [question] });
    client.peer().send(question, { text: 'too soon' });
    expect((await client.closed).error?.code).toBe('protocol.order');
  });

  test.each<[string, MessageOptions, RegExp]>([
    ['twice the same', { messages: [question, note('acme/question')] }, /defined once/],
    [
      'more than can be announced',
      { messages: Array.from({ length: 65 }, (_, i) => note(`acme/m${i}`)) },
      /65 own messages/,
    ],
    [
      'a handler of what only this end sends',
      { messages: [handleMessage(question, () => {})] },
      /a client has nothing to handle/,
    ],
  ])('%s cannot be given', (_what, options, text) => {
    expect(() => new OwnMessages('client', options)).toThrow(text);
  });
});
