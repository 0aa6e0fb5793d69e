import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { proveToken } from '../../protocol/node/token-proof.js';
import { parseInvitations } from '../../server/auth/invitations.js';
import { type Handed, makeSecrets } from './launch-secrets.js';

const groups = [[3, 6], [1, 4], [2]];
const textOf = ({ files }: Handed, name: string) => files.find((file) => file.name === name)?.text ?? '';
const namesIn = ({ files }: Handed) => files.map(({ name }) => name);

test('the server has a certificate for its host, which clients trust; nobody has the key of the authority', async () => {
  const { server, clients, tls } = await makeSecrets({ host: 'head.example', tokens: true, groups });
  expect([tls, namesIn(server), ...clients.map(namesIn)]).toEqual([
    true,
    ['server.pem', 'server.key', 'token'],
    ...groups.map(() => ['ca.pem', 'token']),
  ]);
  const own = new X509Certificate(textOf(server, 'server.pem'));
  for (const client of clients) {
    const authority = new X509Certificate(textOf(client, 'ca.pem'));
    expect([authority.ca, own.checkIssued(authority), own.verify(authority.publicKey)]).toEqual([true, true, true]);
  }
  expect([own.checkHost('head.example'), own.checkHost('other.example'), own.ca]).toEqual([
    'head.example',
    undefined,
    false,
  ]);
});

test('each process of clients has a token of its own, for its own clients', async () => {
  const { server, clients, tls } = await makeSecrets({ tokens: true, groups });
  expect([tls, namesIn(server)]).toEqual([false, ['token']]);
  const invitations = [...parseInvitations(textOf(server, 'token'), 'token').values()];
  const tokens = clients.map((client) => textOf(client, 'token').trim());
  expect(invitations.map(({ id, secret }) => `${id}.${secret}`)).toEqual(tokens);
  for (const token of tokens) expect(() => proveToken(token)).not.toThrow();
  expect(invitations.map(({ name, clients: own }) => [name, own])).toEqual([
    [
      'launch',
      [
        { from: 2, count: 1 },
        { from: 5, count: 1 },
      ],
    ],
    [
      'launch',
      [
        { from: 0, count: 1 },
        { from: 3, count: 1 },
      ],
    ],
    ['launch', [{ from: 1, count: 1 }]],
  ]);
});

test('options name the files, and hold no secret', async () => {
  const { server, clients } = await makeSecrets({ host: '10.0.0.7', tokens: false, groups });
  expect(server.options).toBe('--tls-cert "$FEDLOOM_PRIVATE/server.pem" --tls-key "$FEDLOOM_PRIVATE/server.key"');
  expect(clients[0]?.options).toBe('--tls-ca "$FEDLOOM_PRIVATE/ca.pem"');
});
