/** The command over TLS: certificates of `fedloom certs`, a server, clients, and what goes wrong. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CLOUDS, Workplace } from './fedloom.js';

const SIZE = '2 2 2 --seed 11 --json --workers 1';
const SECURE = '--tls-cert certs/server.pem --tls-key certs/server.key';

async function placeWithCertificates(): Promise<Workplace> {
  const place = await Workplace.create({ 'task.ts': CLOUDS });
  for (const args of ['init', 'issue server --host localhost,127.0.0.1', 'issue hospital-3']) {
    const { code, stderr } = await place.run(`certs ${args}`);
    expect(code, stderr).toBe(0);
  }
  return place;
}

const modeOf = async (place: Workplace, file: string) =>
  ((await stat(join(place.path, file))).mode & 0o777).toString(8);

describe('over TLS', () => {
  it('a run comes to the model of a simulation, and is resumed at the same address', async () => {
    const place = await placeWithCertificates();
    const alone = place.run(`run task.ts ${SIZE.replace('2 2 2', '2 2 40')} --out alone`);
    const server = place.start(
      `server task.ts ${SIZE.replace('2 2 2', '2 2 40')} --listen 127.0.0.1:0 ${SECURE} --tls-client-ca certs/ca.pem`,
    );
    const { url } = await server.event('listening');
    expect(url).toMatch(/^wss:\/\/127\.0\.0\.1:\d+$/);
    const own = '--tls-cert certs/hospital-3.pem --tls-key certs/hospital-3.key';
    const client = place.start(`client task.ts --server ${url} --index 0-1 --workers 1 --tls-ca certs/ca.pem ${own}`);
    await server.event('round', ({ round }) => Number(round) >= 2);
    server.child.kill('SIGKILL');
    await server.ended;
    const resumed = place.start('resume latest --json');
    expect((await resumed.event('listening')).url).toBe(url);
    const { modelHash } = await resumed.event('finished');
    expect((await client.ended).code).toBe(0);
    const simulated = (await alone).stdout.trim().split('\n').at(-1) ?? '';
    expect(JSON.parse(simulated).modelHash).toBe(modelHash);
  }, 60_000);

  it('a certificate that is revoked ends who is in by it, on a server that runs, over WebSocket and MQTT', async () => {
    const place = await placeWithCertificates();
    for (const name of ['hospital-4', 'hospital-5']) expect((await place.run(`certs issue ${name}`)).code).toBe(0);
    const asks = '--tls-client-ca certs/ca.pem --tls-crl certs/crl.pem';
    const server = place.start(
      `server task.ts 4 4 2 --json --listen 127.0.0.1:0 --mqtt-listen 127.0.0.1:0 ${SECURE} ${asks}`,
    );
    const [webSocket, mqtt] = (await server.event('listening')).urls as readonly string[];
    const client = (index: number, url: string | undefined, name: string) =>
      place.start(
        `client task.ts --server ${url} --index ${index} --workers 1 --retry-for 20 --tls-ca certs/ca.pem ` +
          `--tls-cert certs/${name}.pem --tls-key certs/${name}.key`,
      );
    const [three, four, five] = [
      client(0, webSocket, 'hospital-3'),
      client(1, webSocket, 'hospital-4'),
      client(2, mqtt, 'hospital-5'),
    ];
    for (const one of [three, four, five]) await one.until('a place', () => /Joined/.test(one.stdout) || undefined);
    for (const name of ['hospital-4', 'hospital-5']) {
      expect((await place.run(`certs revoke ${name}`)).code).toBe(0);
    }
    const ended = await Promise.all([four.ended, five.ended]);
    expect(ended.map(({ code, stderr }) => [code, stderr.replace(/\s+/g, ' ')])).toEqual([
      [1, expect.stringMatching(/transport\.certificate: the client's certificate was revoked/)],
      [1, expect.stringMatching(/refused the login\. Check .* the certificate where it asks for one/)],
    ]);
    expect(three.child.exitCode).toBeNull();
  }, 60_000);

  it('launch starts server and clients that find each other', async () => {
    const place = await placeWithCertificates();
    await place.write('hosts', 'localhost slots=3\n');
    const { code, stdout, stderr } = await place.run(
      `launch task.ts ${SIZE} --hostfile hosts --port 0 ${SECURE} --tls-ca certs/ca.pem`,
    );
    expect(code, stdout + stderr).toBe(0);
    expect(stderr + stdout).toContain('wss://');
  }, 60_000);

  it('says in one line what is wrong, at once', async () => {
    const place = await placeWithCertificates();
    const server = place.start(`server task.ts ${SIZE} --listen 127.0.0.1:0 ${SECURE} --tls-client-ca certs/ca.pem`);
    const url = String((await server.event('listening')).url);
    const client = `client task.ts --index 0 --workers 1 --server`;
    const [key, folder] = ['--tls-key certs/server.key', '--folder certs'];
    const cases: readonly (readonly [line: string, code: number, text: RegExp])[] = [
      [`${client} ${url}`, 1, /was not signed by an authority that this machine knows.*--tls-ca FILE/],
      [`${client} ${url} --tls-ca certs/ca.pem`, 1, /transport\.certificate: .*showed none.*--tls-cert, --tls-key/],
      [`${client} ${url} --tls-ca nowhere.pem`, 2, /The file of --tls-ca cannot be read: ENOENT/],
      [`${client} ${url} --tls-ca task.ts`, 2, /tls\.ca \(--tls-ca\) is no certificate in PEM/],
      [`server task.ts ${SIZE} --tls-cert certs/server.pem`, 2, /--tls-cert and --tls-key together/],
      [`server task.ts ${SIZE} --tls-cert certs/ca.pem ${key}`, 2, /do not belong together/],
      [
        `server task.ts ${SIZE} --listen 0.0.0.0:0 ${SECURE}`,
        2,
        /without asking who a client is\. Give .*--tls-client-ca/,
      ],
      [`server task.ts ${SIZE} --behind-proxy proxy.example`, 2, /--behind-proxy\) names addresses or nets/],
      [`certs init ${folder}`, 2, /certs\/ca\.key exists, and is left as it is/],
      [`certs issue server ${folder}`, 2, /certs\/server\.key exists/],
      [`certs revoke nobody ${folder}`, 2, /The file of NAME cannot be read: ENOENT/],
      [`server task.ts ${SIZE} ${SECURE} --tls-crl certs/crl.pem`, 2, /give tls\.clientCa \(--tls-client-ca\) too/],
      ['certs issue server --folder empty', 2, /There is no authority in empty.*fedloom certs init/],
      [`certs issue ../evil ${folder}`, 2, /NAME must be 1 to 64 letters/],
      [`certs issue two --host https://fed.example ${folder}`, 2, /--host must be names or IP addresses/],
    ];
    for (const [line, code, text] of cases) {
      const ended = await place.run(line);
      expect.soft([line, ended.code]).toEqual([line, code]);
      expect.soft(ended.stderr.replace(/\s+/g, ' '), line).toMatch(text);
    }
  }, 90_000);

  it('private keys are for their owner alone', async () => {
    const place = await placeWithCertificates();
    const modes = ['certs', 'certs/ca.key', 'certs/server.key', 'certs/hospital-3.key'];
    expect(await Promise.all(modes.map((file) => modeOf(place, file)))).toEqual(['700', '600', '600', '600']);
  });
});
