/** The command over MQTT: real processes, brokers of the server's own and mosquitto. */
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { CLOUDS, type Fedloom, Workplace } from '../cli/fedloom.js';
import { certificates } from './certificates.js';
import { freePort, Mosquitto, mosquittoTitle, skipsMosquitto } from './mosquitto.js';

/** Its model has 1.2 MB: several packets, shared. */
const LARGE = CLOUDS.replace('dense, ', 'dense, relu, ').replace(
  '[dense(3)]',
  '[dense(512), relu(), dense(512), relu(), dense(3)]',
);
const SIZE = '4 3 3 --seed 11 --json --workers 1';

const modelHash = async (command: Fedloom) => (await command.event('finished')).modelHash;

async function alone(place: Workplace, options = ''): Promise<unknown> {
  return modelHash(place.start(`run task.ts ${SIZE} ${options}`));
}

describe('through a broker of the server', () => {
  it('clients that come before the server take part, beside one by WebSocket; the model is that of a simulation', async () => {
    const place = await Workplace.create({ 'task.ts': LARGE });
    const port = await freePort();
    const early = place.start(`client task.ts --server mqtt://127.0.0.1:${port}/lab/one --index 0-1 --workers 1`);
    await early.until('waiting', () => /Waiting for the server/.test(early.stdout + early.stderr) || undefined);
    const server = place.start(
      `server task.ts ${SIZE} --listen 127.0.0.1:0 --mqtt-listen 127.0.0.1:${port} --mqtt-prefix lab/one`,
    );
    const { url, urls } = await server.event('listening');
    expect(urls).toEqual([url, `mqtt://127.0.0.1:${port}/lab/one`]);
    const webSocket = place.start(`client task.ts --server ${url} --index 2-3 --workers 1`);
    expect(await modelHash(server)).toBe(await alone(place));
    expect([(await early.ended).code, (await webSocket.ended).code]).toEqual([0, 0]);
  });

  it('a server that is killed goes on at the same address', async () => {
    const place = await Workplace.create({ 'task.ts': LARGE.replace('localEpochs: 1', 'localEpochs: 8') });
    const server = place.start(`server task.ts ${SIZE} --mqtt-listen 127.0.0.1:0`);
    const { url } = await server.event('listening');
    const client = place.start(`client task.ts --server ${url} --index 0-3 --workers 1`);
    await server.event('round');
    server.child.kill('SIGKILL');
    await server.ended;
    const resumed = place.start('resume latest --json');
    expect((await resumed.event('listening')).url).toBe(url);
    expect(await modelHash(resumed)).toBe(await alone(place));
    expect((await client.ended).code).toBe(0);
  });

  it('over TLS, with a token: beside one by WebSocket, over a restart at the same address; the log names addresses', async () => {
    const place = await Workplace.create({ 'task.ts': LARGE.replace('localEpochs: 1', 'localEpochs: 8') });
    for (const [name, text] of Object.entries(certificates())) await place.write(name, text);
    await place.run('clients token --token-file tokens --name lab --out lab.token');
    const secure = '--token-file tokens --tls-cert server.pem --tls-key server.key';
    const server = place.start(`server task.ts ${SIZE} --listen 127.0.0.1:0 --mqtt-listen 0.0.0.0:0 ${secure}`);
    const { urls } = await server.event('listening');
    const [webSocket = '', mqtt = ''] = urls as readonly string[];
    expect([webSocket, mqtt]).toEqual([expect.stringMatching(/^wss:/), expect.stringMatching(/^mqtts:/)]);
    const who = '--tls-ca ca.pem --token-file lab.token --workers 1';
    const stranger = await place.run(`client task.ts --server ${mqtt} --index 0 --tls-ca ca.pem`);
    expect([stranger.code, stranger.stderr]).toEqual([1, expect.stringMatching(/asks for auth by 'token'/)]);
    const untrusting = await place.run(`client task.ts --server ${mqtt} --index 0 --token-file lab.token`);
    expect([untrusting.code, untrusting.stderr]).toEqual([1, expect.stringMatching(/could not be trusted/)]);
    const clients = [
      place.start(`client task.ts --server ${mqtt} --index 0-1 ${who}`),
      place.start(`client task.ts --server ${webSocket} --index 2-3 ${who}`),
    ];
    await server.event('round');
    server.child.kill('SIGKILL');
    await server.ended;
    const resumed = place.start('resume latest --json');
    expect((await resumed.event('listening')).urls).toEqual(urls);
    expect(await modelHash(resumed)).toBe(await alone(place));
    expect(await Promise.all(clients.map(async ({ ended }) => (await ended).code))).toEqual([0, 0]);
    const { folder } = await resumed.event('started');
    const audit = (await readFile(join(String(folder), 'audit.jsonl'), 'utf8')).split('\n').slice(0, -1);
    const admitted = audit.map((line) => JSON.parse(line)).filter(({ event }) => event === 'admitted');
    expect(admitted.length).toBeGreaterThanOrEqual(4);
    for (const { identity, peer } of admitted)
      expect([identity, peer]).toEqual(['lab', expect.stringMatching(/^127\.0\.0\.1:\d+$/)]);
  }, 60_000);

  it('says in one line what is wrong', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    const holder = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => holder.once('listening', resolve));
    const { port } = holder.address() as { readonly port: number };
    const cases: readonly (readonly [string, RegExp])[] = [
      [`server task.ts ${SIZE} --mqtt-listen 127.0.0.1:${port}`, /Port \d+ of 127.0.0.1 is in use/],
      [`server task.ts ${SIZE} --mqtt-listen 0.0.0.0:0`, /would host a broker at 0.0.0.0.*--insecure/],
      [`server task.ts ${SIZE} --mqtt-listen 1883`, /--mqtt-listen must be HOST:PORT/],
      [`server task.ts ${SIZE} --mqtt-listen :0 --mqtt-prefix a/#`, /the prefix 'a\/#' must be a plain topic/],
      [`server task.ts ${SIZE} --broker ws://127.0.0.1:1`, /--broker must be an address such as mqtts/],
      [
        `server task.ts ${SIZE} --broker mqtt://broker.example:1883`,
        /would use the broker at broker.example without TLS/,
      ],
      [`server task.ts ${SIZE} --broker mqtt://127.0.0.1:1`, /The broker at mqtt:\/\/127.0.0.1:1 is not there/],
      [`server task.ts ${SIZE} --broker mqtt://a:b@127.0.0.1:1`, /user and password do not belong into an address/],
      [
        `server task.ts ${SIZE} --broker mqtts://127.0.0.1:1 --broker-ca nowhere.pem`,
        /The file of --broker-ca cannot be read: ENOENT/,
      ],
    ];
    const ended = await Promise.all(cases.map(([line]) => place.run(line)));
    holder.close();
    for (const [number, { code, stdout }] of ended.entries()) {
      expect(code, cases[number]?.[0]).toBeGreaterThan(0);
      expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '').message).toMatch(cases[number]?.[1] ?? /^$/);
    }
  }, 120_000);
});

describe.skipIf(skipsMosquitto)(`through ${mosquittoTitle}`, () => {
  const brokers: Mosquitto[] = [];
  const start = async (...args: Parameters<typeof Mosquitto.start>): Promise<Mosquitto> => {
    const broker = await Mosquitto.start(...args);
    brokers.push(broker);
    return broker;
  };
  afterEach(async () => {
    for (const broker of brokers.splice(0)) await broker.dispose();
  });

  /** TLS with certificates both ways, passwords, and packets of 256 kB at most. */
  async function guarded(place: Workplace): Promise<Mosquitto> {
    const files = certificates();
    for (const [name, text] of Object.entries(files)) await place.write(name, text);
    await place.write('password', 'open sesame\n');
    await place.write('passwords', 'lab:open sesame\n');
    execFileSync('mosquitto_passwd', ['-U', `${place.path}/passwords`], {
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
    });
    return start([
      'allow_anonymous false',
      `password_file ${place.path}/passwords`,
      `cafile ${place.path}/ca.pem`,
      `certfile ${place.path}/server.pem`,
      `keyfile ${place.path}/server.key`,
      'require_certificate true',
      'message_size_limit 256000',
    ]);
  }

  const KEYS = '--broker-user lab --broker-ca ca.pem --broker-cert client.pem --broker-key client.key';

  it('with TLS, certificates, a password, join tokens and a limit on packets', async () => {
    const place = await Workplace.create({ 'task.ts': LARGE });
    const broker = await guarded(place);
    const url = `mqtts://localhost:${broker.port}/run-1`;
    await place.run('clients token --token-file tokens --name lab --out lab.token');
    const server = place.start(
      `server task.ts ${SIZE} --broker ${url} ${KEYS} --broker-password-file password --token-file tokens`,
    );
    const client = place.start(
      `client task.ts --server ${url} --index 0-3 --workers 1 ${KEYS} --token-file lab.token`,
      {
        FEDLOOM_BROKER_PASSWORD: 'open sesame',
      },
    );
    expect(await modelHash(server)).toBe(await alone(place));
    expect((await client.ended).code).toBe(0);
    await place.write('password', 'open barley\n');
    const refused = await Promise.all([
      place.run(`server task.ts ${SIZE} --broker ${url} ${KEYS} --broker-password-file password`),
      place.run(`server task.ts ${SIZE} --broker ${url} --broker-user lab --broker-password-file password`),
      place.run(`server task.ts ${SIZE} --broker ${url} ${KEYS} --mqtt-packet-bytes 300000 --mqtt-version 3.1.1`, {
        FEDLOOM_BROKER_PASSWORD: 'open sesame',
      }),
      place.run(`client task.ts --server ${url} --index 0 ${KEYS} --broker-password-file password`),
    ]);
    const texts = refused.map(({ stdout, stderr }) => stdout + stderr);
    expect(texts[0]).toMatch(/refused the login/);
    expect(texts[1]).toMatch(/could not be trusted/);
    expect(texts[2]).toMatch(/does not let packets of 300000 bytes through/);
    expect(texts[3]).toMatch(/refused the login/);
  }, 120_000);

  it('that is ended in mid-round and started again: the same model', async () => {
    const place = await Workplace.create({ 'task.ts': LARGE.replace('localEpochs: 1', 'localEpochs: 8') });
    const broker = await start();
    const url = `${broker.url}/run-2`;
    const server = place.start(`server task.ts ${SIZE} --broker ${url}`);
    const clients = [0, 1].map((one) =>
      place.start(`client task.ts --server ${url} --index ${2 * one}-${2 * one + 1} --workers 1 --verbose`),
    );
    await clients[0]?.until('training', () => /trained in/.test(clients[0]?.stdout ?? '') || undefined);
    await broker.end();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await broker.run();
    expect(await modelHash(server)).toBe(await alone(place));
    expect(await Promise.all(clients.map(async ({ ended }) => (await ended).code))).toEqual([0, 0]);
  }, 120_000);
});
