/** Devices that know nothing of fedloom: a foreign MQTT library, JSON, FedML's topics and messages. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeSafetensors } from 'fedloom';
import { afterEach, describe, expect, it } from 'vitest';
import { CLOUDS, Workplace } from '../cli/fedloom.js';
import { root } from '../repository/source-tree.js';
import { certificates } from './certificates.js';
import { freePort, Mosquitto, skipsMosquitto } from './mosquitto.js';

const PYTHON = join(root, 'node_modules/.cache/mqtt-device/bin/python');
const installed = existsSync(PYTHON) && spawnSync(PYTHON, ['-c', 'import paho.mqtt']).status === 0;
const needed = process.env.CI === 'true';
const title = installed ? 'devices with paho' : 'devices with paho (tests/src/mqtt/install.sh)';

interface Order {
  readonly msg_type: number;
  readonly round: number;
  readonly model: Readonly<Record<string, readonly number[] | readonly (readonly number[])[]>>;
}

class Device {
  static readonly all: Device[] = [];
  readonly child: ChildProcess;
  #said = '';

  constructor(port: number, ...args: readonly (number | string)[]) {
    this.child = spawn(PYTHON, [
      join(root, 'tests/src/mqtt/device.py'),
      '127.0.0.1',
      String(port),
      ...args.map(String),
    ]);
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#said += text;
    });
    Device.all.push(this);
  }

  get orders(): readonly Order[] {
    return this.#said
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Order);
  }
}

describe.skipIf(!installed && !needed)(title, () => {
  afterEach(() => {
    for (const { child } of Device.all.splice(0)) child.kill('SIGKILL');
  });

  /** Two devices alone: their mean moves by (1/8 x 100 + 3/8 x 300) / 400 = 5/16 a round. */
  async function twoDevices(
    place: Workplace,
    server: string,
    port: number,
    tls: readonly string[] = [],
  ): Promise<void> {
    const early = new Device(port, 1, 0.125, 100, 'plain', ...tls);
    const running = place.start(`server task.ts 2 2 3 --seed 4 --json --mobile 0-1 ${server}`);
    await running.event('listening');
    const late = new Device(port, 2, 0.375, 300, 'echo', ...tls);
    const finished = await running.event('finished');
    expect((await running.ended).code).toBe(0);
    const rounds = running.events.filter(({ event }) => event === 'round');
    expect(rounds.map(({ counted }) => counted)).toEqual([
      [0, 1],
      [0, 1],
      [0, 1],
    ]);
    expect(finished.clientMetrics).toEqual({ loss: (0.5 * 100 + 1 * 300) / 400, accuracy: 0.25 });
    for (const { orders } of [early, late]) {
      expect(orders.filter(({ msg_type }) => msg_type !== 3).map(({ msg_type }) => msg_type)).toEqual([1, 2, 2]);
      expect(orders.filter(({ msg_type }) => msg_type === 3).map(({ round }) => round)).toEqual([0, 1, 2]);
    }
    const model = decodeSafetensors(new Uint8Array(await readFile(String(finished.model))));
    const first = early.orders[0]?.model ?? {};
    expect(Object.keys(first)).toEqual([...model.keys()]);
    for (const [name, { data }] of model) {
      const before = (first[name] ?? []).flat();
      expect(data.length).toBe(before.length);
      for (const [place, value] of before.entries()) expect(Number(data[place])).toBeCloseTo(value + 3 * 0.3125, 5);
    }
  }

  it('take part at a broker of the server, come before it or after', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    const port = await freePort();
    await twoDevices(place, `--mqtt-listen 127.0.0.1:${port}`, port);
  });

  it('take part over TLS, by certificates', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    for (const [name, text] of Object.entries(certificates())) await place.write(name, text);
    const port = await freePort();
    const secure = '--tls-cert server.pem --tls-key server.key --tls-client-ca ca.pem';
    const files = ['ca.pem', 'client.pem', 'client.key'].map((file) => join(place.path, file));
    await twoDevices(place, `--mqtt-listen 127.0.0.1:${port} ${secure}`, port, files);
  });

  it.skipIf(skipsMosquitto)('take part at a broker of others', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    const broker = await Mosquitto.start();
    try {
      await twoDevices(place, `--broker ${broker.url} --deadline 5`, broker.port);
    } finally {
      await broker.dispose();
    }
  });

  it('one that dies in mid-run is replaced by itself, started anew; beside a client', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    const port = await freePort();
    const server = place.start(`server task.ts 2 2 6 --json --mobile 1 --mqtt-listen 127.0.0.1:${port}`);
    const { url } = await server.event('listening');
    const client = place.start(`client task.ts --server ${url} --index 0 --workers 1`);
    const device = new Device(port, 2, 0.01, 50, 'plain');
    await server.event('round');
    device.child.kill('SIGKILL');
    await server.until('leaving', () => /Device 2 .* has left/.test(server.stderr) || undefined);
    new Device(port, 2, 0.01, 50, 'plain');
    await server.event('finished');
    expect([(await server.ended).code, (await client.ended).code]).toEqual([0, 0]);
    const last = server.events.filter(({ event }) => event === 'round').at(-1);
    expect(last?.counted).toEqual([0, 1]);
  });

  it('says what is wrong', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    const ended = await Promise.all([
      place.run('server task.ts 2 2 1 --json --mobile 0'),
      place.run('server task.ts 2 2 1 --json --mobile 2 --mqtt-listen 127.0.0.1:0'),
    ]);
    expect(ended[0]?.stdout).toContain('give --mqtt-listen HOST:PORT or --broker URL');
    expect(ended[1]?.stdout).toContain('--mobile names client 2, but the federation has 2 clients: 0 to 1.');
    const port = await freePort();
    const scaffold = place.start(
      `server task.ts 2 2 1 --json --mobile 0 --algorithm scaffold --mqtt-listen 127.0.0.1:${port}`,
    );
    await scaffold.event('listening');
    new Device(port, 1, 0.01, 50, 'plain');
    await scaffold.until('refusal', () => /cannot take part in a run of scaffold/.test(scaffold.stderr) || undefined);
  });
});
