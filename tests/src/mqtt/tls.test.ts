/** TLS at a broker of the server's own: what both ends know of each other, and who is not let in. */
import { brokerListen, mqttDial, mqttListen } from '@fedloom/transport-mqtt';
import type { Connection, Listener, ServerTls } from 'fedloom';
import { transportSuite } from 'fedloom/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { certificates } from './certificates.js';
import { Mosquitto, mosquittoTitle, skipsMosquitto } from './mosquitto.js';

const ours = certificates();
const theirs = certificates();
const tls: ServerTls = { certificate: ours['server.pem'], key: ours['server.key'] };
const ca = ours['ca.pem'];
const shown = { certificate: ours['client.pem'], key: ours['client.key'] };

describe('a broker of the server over TLS', () => {
  const cases = transportSuite(() => ({
    listen: mqttListen({ tls }),
    dial: mqttDial({ ca }),
    nowhere: 'mqtts://127.0.0.1:1',
  }));
  it.each(cases)('$name', ({ run }) => run());
});

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

/** What a server's end knows of those who come. */
async function listening(listen: ReturnType<typeof mqttListen>): Promise<{ url: string; came: Connection[] }> {
  const came: Connection[] = [];
  const listener: Listener = await listen((connection) => {
    came.push(connection);
    connection.bind({ frame: () => {}, drained: () => {}, closed: () => {} });
  });
  cleanUp.push(() => listener.close());
  return { url: listener.url, came };
}

async function dialled(url: string, options: Parameters<typeof mqttDial>[0]): Promise<Connection> {
  const connection = await mqttDial(options)(url);
  cleanUp.push(() => connection.close());
  connection.bind({ frame: () => {}, drained: () => {}, closed: () => {} });
  return connection;
}

const refused = (reason: string, text: RegExp) =>
  expect.objectContaining({
    code: 'transport.connect',
    message: expect.stringMatching(text),
    fields: expect.objectContaining({ reason }),
  });

describe('both ends of a line', () => {
  it('are bound to the certificate of the broker, and the server knows the address of the client', async () => {
    const { url, came } = await listening(mqttListen({ tls }));
    expect(url).toMatch(/^mqtts:\/\/127\.0\.0\.1:\d+\/fedloom$/);
    const { binding } = await dialled(url, { ca });
    expect(binding).toMatch(/^tls:[0-9a-f]{64}$/);
    expect(came.map(({ peer, certified, ...end }) => [peer, certified, end.binding])).toEqual([
      [expect.stringMatching(/^127\.0\.0\.1:\d+$/), undefined, binding],
    ]);
  });

  it('know the name in the certificate that a client was asked for', async () => {
    const { url, came } = await listening(mqttListen({ tls: { ...tls, clientCa: ca } }));
    await dialled(url, { ca, ...shown });
    expect(came.map(({ certified }) => certified)).toEqual(['client']);
    const untrusted = refused(
      'rejected',
      /refused the login\. Check .* the certificate where it asks for one \(--tls-cert/,
    );
    await expect(dialled(url, { ca })).rejects.toEqual(untrusted);
    const stranger = { certificate: theirs['client.pem'], key: theirs['client.key'] };
    await expect(dialled(url, { ca, ...stranger })).rejects.toEqual(untrusted);
    expect(came).toHaveLength(1);
  });

  it('are told by where it begins whether an address is of TLS', async () => {
    const { url } = await listening(mqttListen({ tls }));
    await expect(dialled(url, { ca: theirs['ca.pem'] })).rejects.toEqual(refused('certificate', /--tls-ca/));
    const plain = url.replace('mqtts:', 'mqtt:');
    await expect(dialled(plain, {})).rejects.toEqual(
      refused('network', /If it speaks TLS, its address begins with mqtts/),
    );
    const other = await listening(mqttListen());
    await expect(dialled(other.url.replace('mqtt:', 'mqtts:'), { ca })).rejects.toEqual(
      refused('network', /If it does not speak TLS, its address begins with mqtt:/),
    );
  });
});

it.skipIf(skipsMosquitto)(`through ${mosquittoTitle}: bound to its certificate as the client sees it`, async () => {
  const files = { 'server.pem': ours['server.pem'], 'server.key': ours['server.key'] };
  const lines = ['allow_anonymous true', 'certfile {dir}/server.pem', 'keyfile {dir}/server.key'];
  const broker = await Mosquitto.start(lines, files);
  cleanUp.push(() => broker.dispose());
  const url = `${broker.url.replace('mqtt:', 'mqtts:')}/run`;
  const { came } = await listening(brokerListen(url, { ca }));
  const { binding } = await dialled(url, { ca });
  expect(binding).toMatch(/^tls:/);
  expect(came.map((end) => end.binding)).toEqual(['proxied']);
});

it('of one address a broker takes so many connections, and others when these are gone', async () => {
  const { url } = await listening(mqttListen({ tls, connectionsPerAddressMax: 1 }));
  const first = await dialled(url, { ca });
  await expect(dialled(url, { ca })).rejects.toMatchObject({
    code: 'transport.connect',
    fields: { reason: 'network' },
  });
  first.close();
  await vi.waitFor(() => dialled(url, { ca }), 5000);
});

it('nobody listens beyond this machine without TLS and a proof of who comes, or with files of no use', async () => {
  const open = { host: '0.0.0.0' };
  expect(() => mqttListen({ ...open, tls: { ...tls, clientCa: ca } })).not.toThrow();
  expect(() => mqttListen({ ...open, tls, identified: true })).not.toThrow();
  expect(() => mqttListen({ ...open, insecure: true })).not.toThrow();
  expect(() => mqttListen({ ...open, tls })).toThrow(/without asking who a client is\. Give auth \(--token-file\)/);
  expect(() => mqttListen({ ...open, identified: true })).toThrow(/without TLS.*--tls-cert and --tls-key/);
  const wrong = mqttListen({ tls: { ...tls, key: theirs['server.key'] } });
  await expect(wrong(() => {})).rejects.toMatchObject({
    code: 'transport.tls',
    message: expect.stringMatching(/^tls\.certificate and tls\.key \(--tls-cert and --tls-key\) cannot be used: /),
  });
});
