/** What a site controls, on the command line, with real processes. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { freePort } from '../mqtt/mosquitto.js';
import { CLOUDS, Workplace } from './fedloom.js';

const POLICY = 'algorithms: [fedAvg]\nrequireClip: 1\nwithhold: [meanLoss, evaluations]\n';

it('a client runs no plan but the one that was pinned, keeps its policy, and writes down what leaves', async () => {
  const place = await Workplace.create({
    'task.ts': CLOUDS,
    'site.yaml': POLICY,
    'strict.json': '{ "requireClip": 0.5 }',
  });
  await place.run('partition task.ts --clients 2 --out parts');
  const serve = 'server task.ts 2 2 3 --json --stage clip(norm=1) --listen 127.0.0.1:0 --workers 1';
  const server = place.start(serve);
  const [{ hash }, { url }] = await Promise.all([server.event('plan'), server.event('listening')]);
  expect(hash).toMatch(/^sha256:[0-9a-f]{64}$/);
  const client = `client --server ${url} --data parts --workers 1 --index`;

  const other = `sha256:${'0'.repeat(64)}`;
  for (const [options, code, text] of [
    [`--plan-hash ${other}`, 'client.plan-pinned', `this client runs no plan but ${other}, which was pinned`],
    ['--site-policy strict.json', 'site.refused', 'clipped to a norm of 0.5; the run has clip(norm=1)'],
  ] as const) {
    const refused = await place.run(`${client} 0 ${options}`);
    expect([refused.code, refused.stderr.replace(/\s+/g, ' ')]).toEqual([1, expect.stringContaining(text)]);
    await server.until('the reason', () => server.stderr.includes(code) || undefined);
  }

  const pinned = `--plan-hash ${hash} --site-policy site.yaml`;
  const clients = [
    place.start(`${client} 0 ${pinned} --outbound-log left.jsonl`),
    place.start(`${client} 1 ${pinned}`),
  ];
  await server.event('finished');
  expect((await Promise.all(clients.map(({ ended }) => ended))).map(({ code }) => code)).toEqual([0, 0]);
  const log = join(place.path, 'left.jsonl');
  expect((await stat(log)).mode & 0o777).toBe(0o600);
  const lines = (await readFile(log, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const updates = lines.filter(({ type }) => type === 'update');
  expect(updates).toHaveLength(3);
  for (const update of updates) {
    expect(update).toMatchObject({ client: 0, run: expect.any(String), at: expect.stringMatching(/^20.*Z$/) });
    expect(Object.keys(update.facts)).toEqual(['sampleCount', 'stepCount']);
    expect(update.body).toMatchObject({ bytes: expect.any(Number), hash: expect.stringMatching(/^sha256:/) });
    expect(update.body.norms.trained).toBeLessThanOrEqual(1 + 1e-9);
  }
  const entries = lines.filter(({ type }) => type === 'evaluations').flatMap((line) => line.entries);
  expect(new Set(entries.map(({ sampleCount }) => sampleCount))).toEqual(new Set([0]));
});

it.each([
  ['--plan-hash abc', '--plan-hash must be a hash as the server tells it'],
  ['--site-policy none.yaml', 'The file of --site-policy cannot be read'],
  ['--site-policy broken.yaml', 'The site policy cannot be read. broken.yaml:2: '],
  [
    '--site-policy wrong.yaml',
    'The site policy of wrong.yaml cannot be kept: requireClip is "tight"; it must be a number above 0.',
  ],
  ['--site-policy servers.yaml', 'takes part with wss://fed.example alone, and not with ws://127.0.0.1:1'],
  ['--outbound-log none/left.jsonl', 'Cannot write none/left.jsonl'],
  ['--max-plan-memory much', '--max-plan-memory must be a size such as 500MB or 2GiB'],
])('%s: told before anybody is dialled', async (options, text) => {
  const place = await Workplace.create({
    'broken.yaml': 'requireClip: 1\nrequireClip: [\n',
    'wrong.yaml': 'requireClip: tight\n',
    'servers.yaml': 'servers: ["wss://fed.example"]\n',
  });
  const { code, stderr } = await place.run(`client --server ws://127.0.0.1:1 --index 0 --data . ${options}`);
  expect(code).not.toBe(0);
  expect(stderr.replace(/\s+/g, ' ')).toContain(text);
});

const updatesIn = async (file: string) =>
  (await readFile(file, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ type }) => type === 'update');

it('launch and node give each client its site options', async () => {
  const place = await Workplace.create({
    'task.ts': CLOUDS,
    'site.yaml': POLICY,
    '1.yaml': POLICY,
    '2.yaml': 'requireClip: 1\n',
    hosts: '127.0.0.1 slots=3\n',
  });
  const launch = 'launch task.ts 2 2 2 --stage clip(norm=1) --hostfile hosts --port 0 --json';
  const launched = await place.run(`${launch} --site-policy site.yaml --outbound-log left-{host}.jsonl`);
  expect(launched.code, launched.stderr).toBe(0);
  const log = join(place.path, 'left-127.0.0.1.jsonl');
  expect((await stat(log)).mode & 0o777).toBe(0o600);
  const updates = await updatesIn(log);
  expect(updates.map(({ client }) => client).sort()).toEqual([0, 0, 1, 1]);
  expect(updates.every(({ facts }) => !('meanLoss' in facts))).toBe(true);

  const listen = `--transport ws --listen 127.0.0.1:${await freePort()} --stage clip(norm=1)`;
  const ranks = [0, 1, 2].map((rank) =>
    place.start(`node task.ts 2 2 2 --workers 1 ${listen} --site-policy {rank}.yaml --outbound-log {rank}.jsonl`, {
      PMI_RANK: String(rank),
      PMI_SIZE: '3',
    }),
  );
  const ended = await Promise.all(ranks.map((rank) => rank.ended));
  expect(
    ended.map(({ code }) => code),
    ended.map(({ stderr }) => stderr).join('\n'),
  ).toEqual([0, 0, 0]);
  for (const rank of [1, 2]) {
    const left = await updatesIn(join(place.path, `${rank}.jsonl`));
    expect(left.map(({ client, facts }) => [client, 'meanLoss' in facts])).toEqual([
      [rank - 1, rank === 2],
      [rank - 1, rank === 2],
    ]);
  }
}, 60_000);
