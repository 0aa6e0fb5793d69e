import {
  createServer,
  type Dial,
  FedloomError,
  joinFederation,
  type Listen,
  type ServerOptions,
  simulate,
  webSocketDial,
  webSocketListen,
} from 'fedloom';
import { expect, it } from 'vitest';
import { logisticRegression } from './logistic-regression.js';

const size = { clients: 4, clientsPerRound: 2, rounds: 2, seed: 5, workers: 1 };
const task = logisticRegression();

it('a server listens on several transports at once; clients of each take part, and the model is the same', async () => {
  const expected = await simulate(task, size).result;
  const server = await createServer(task, {
    ...size,
    listeners: [webSocketListen(), webSocketListen({ path: '/two' })],
  });
  const [one, two] = server.urls as [string, string];
  expect([server.url, new URL(two).pathname]).toEqual([one, '/two']);
  const join = (url: string, from: number, options = {}) =>
    joinFederation(url, { clients: [{ from, count: 2 }], task, workers: 1, ...options });
  // Under a scheme of one's own, and by one transport for every address.
  const renamed: Dial = (url, options) => webSocketDial()(url.replace('lab:', 'ws:'), options);
  const [result] = await Promise.all([
    server.result,
    join(one.replace('ws:', 'lab:'), 0, { dial: { lab: renamed } }),
    join(two.replace('ws:', 'lab:'), 2, { dial: renamed }),
  ]);
  expect(result.modelHash).toBe(expected.modelHash);
});

it('a client cannot dial what it has no transport for, and does not try again', async () => {
  const joining = joinFederation('unix:/nowhere', { clients: [{ from: 0, count: 1 }], task, workers: 1 });
  await expect(joining).rejects.toMatchObject({
    code: 'transport.connect',
    message: expect.stringContaining('This client dials ws:, wss:; other transports are given'),
  });
});

it('when one transport cannot listen, none does', async () => {
  const closed: string[] = [];
  const sound: Listen = () => ({ url: 'own:1', close: async () => void closed.push('own:1') });
  const flawed: Listen = () => Promise.reject(new FedloomError('transport.listen', 'No room.', { path: 'own:2' }));
  await expect(createServer(task, { ...size, listeners: [sound, flawed] })).rejects.toMatchObject({
    message: 'No room.',
  });
  expect(closed).toEqual(['own:1']);
});

it.each<[string, Partial<ServerOptions>, RegExp]>([
  ['no listeners', { listeners: [] }, /at least one of listeners/],
  [
    'listeners beside options of the built-in one',
    { listeners: [webSocketListen()], listen: { port: 1 }, path: '/x' },
    /The options port, path are of the server's own WebSocket/,
  ],
])('refuses %s', async (_what, options, text) => {
  await expect(createServer(task, { ...size, ...options })).rejects.toMatchObject({
    code: 'server.listeners',
    message: expect.stringMatching(text),
  });
});

it('webSocketListen guards open addresses as the server does', () => {
  expect(() => webSocketListen({ host: '0.0.0.0' })).toThrow(expect.objectContaining({ code: 'server.insecure' }));
  expect(() => webSocketListen({ host: '0.0.0.0', insecure: true })).not.toThrow();
});
