import { expect, it } from 'vitest';
import { hashFrom, versionNumber } from '../../core/brands.js';
import { sha256 } from '../../core/node/sha256.js';
import { connectionPair, TestEnd } from '../../protocol/testing/channel-pair.js';
import { Session } from './session.js';

/** A session whose other end hears everything and takes no body. */
async function sessionOfTaker() {
  const { server, client } = await connectionPair();
  client.bind({ frame: () => {}, drained: () => {}, closed: () => {} });
  const end = new TestEnd(server, { role: 'server' });
  const session = new Session('s', end.channel);
  const send = (number: number, bytes: number) =>
    session.sendModel(
      { model: 'model', number: versionNumber(number), hash: hashFrom(sha256(Uint8Array.of(number))) },
      new Uint8Array(bytes),
    );
  return { session, send, closed: end.closed, isOpen: () => end.channel.open };
}

it('owes two large models at most to an end that takes none', async () => {
  const { send, closed, isOpen } = await sessionOfTaker();
  send(1, 40 << 20);
  send(2, 40 << 20);
  send(2, 40 << 20);
  expect(isOpen()).toBe(true);
  send(3, 40 << 20);
  expect((await closed).error?.code).toBe('protocol.owed');
});

it('owes as many small ones as fit into 64 MiB', async () => {
  const { send, closed, isOpen } = await sessionOfTaker();
  for (let number = 1; number <= 64; number += 1) send(number, 1 << 20);
  expect(isOpen()).toBe(true);
  send(65, 1 << 20);
  expect((await closed).error?.code).toBe('protocol.owed');
});

it('sends what is asked for by its hash once', async () => {
  const { session } = await sessionOfTaker();
  const hash = hashFrom(sha256(Uint8Array.of(1)));
  session.sendOnce('plan', hash, Uint8Array.of(1));
  expect(() => session.sendOnce('plan', hash, Uint8Array.of(1))).toThrow(/asked for over this connection before/);
});
