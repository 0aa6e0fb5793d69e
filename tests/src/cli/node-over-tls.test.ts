/** The ranks of a launch over WebSocket, each a process: certificates, keys, owners and the audit log of rank 0. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { freePort } from '../mqtt/mosquitto.js';
import { CLOUDS, type Fedloom, Workplace } from './fedloom.js';

const SIZE = '2 2 3 --seed 11 --workers 1';
const SECURE =
  '--tls-cert certs/server.pem --tls-key certs/server.key --tls-ca certs/ca.pem --tls-client-ca certs/ca.pem ' +
  '--client-cert certs/client-{rank}.pem --client-key certs/client-{rank}.key --known-clients known --key-file {rank}.key';

function ranks(place: Workplace, args: string): Fedloom[] {
  return [0, 1, 2].map((rank) =>
    place.start(`node task.ts ${SIZE} --transport ws ${args}`, { PMI_RANK: String(rank), PMI_SIZE: '3' }),
  );
}

it('ranks show certificates and prove keys of their own; rank 0 writes down who came', async () => {
  const place = await Workplace.create({ 'task.ts': CLOUDS });
  for (const args of ['init', 'issue server --host 127.0.0.1', 'issue client-1', 'issue client-2']) {
    expect((await place.run(`certs ${args}`)).code).toBe(0);
  }
  for (const rank of [1, 2]) {
    const key = (await place.run(`clients enrol --key-file ${rank}.key`)).stdout.trim();
    const own = `--index ${rank - 1} --known-clients known`;
    expect((await place.run(`clients approve client-${rank} ${key} ${own}`)).code).toBe(0);
  }
  const port = await freePort();
  const ended = await Promise.all(
    ranks(place, `--listen 127.0.0.1:${port} ${SECURE} --json`).map((rank) => rank.ended),
  );
  expect(
    ended.map(({ code }) => code),
    ended.map(({ stderr }) => stderr).join('\n'),
  ).toEqual([0, 0, 0]);
  const events = (ended[0]?.stdout ?? '')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const alone = await place.run(`run task.ts ${SIZE} --out alone --json`);
  const last = JSON.parse(alone.stdout.trim().split('\n').at(-1) ?? '');
  expect(events.at(-1)).toMatchObject({ event: 'finished', modelHash: last.modelHash });
  const { folder } = events.find(({ event }) => event === 'started');
  const lines = async (file: string) =>
    (await readFile(join(folder, file), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  const admitted = (await lines('audit.jsonl')).filter(({ event }) => event === 'admitted');
  expect(admitted.map(({ method, identity }) => `${method} ${identity}`).sort()).toEqual([
    'key client-1',
    'key client-2',
  ]);
  expect((await lines('owners.jsonl')).map(({ from, owner }) => `${from} ${owner}`).sort()).toEqual([
    '0 client-1',
    '1 client-2',
  ]);
  expect((await place.run('audit verify latest')).code).toBe(0);
}, 60_000);
