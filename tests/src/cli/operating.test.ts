/** A server that is looked at and steered while it runs: real processes, real sockets. */
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { CLOUDS, type Fedloom, Workplace } from './fedloom.js';

const ENDLESS = 'server t.ts 2 2 1000000 --listen 127.0.0.1:0 --grace none --deadline none --json';

async function started(args = ENDLESS) {
  const place = await Workplace.create({ 't.ts': CLOUDS });
  const server = place.start(args);
  const url = String((await server.event('listening')).url);
  const folder = String((await server.event('started')).folder);
  const join = (index: number) => place.start(`client t.ts --server ${url} --index ${index} --retry-for 20`);
  return { place, server, folder, join };
}

async function statusOf(place: Workplace) {
  const { stdout, code, stderr } = await place.run('status latest --json');
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as {
    phase: string;
    round: number | null;
    present: number;
    sessions: { session: string }[];
  };
}

const roundsOf = (server: Fedloom) => server.events.filter(({ event }) => event === 'round').length;

it('status, pause, resume and stop: the run waits, goes on, and ends in order', async () => {
  const { place, server, folder, join: joined } = await started();
  expect(await statusOf(place)).toMatchObject({ phase: 'waiting', round: null, present: 0 });
  const clients = [joined(0), joined(1)];
  await server.event('round');
  const text = await place.run('status');
  expect(text.stdout).toMatch(/round \d[\d,]* of 1,000,000\nclients {2}2 of 2, over 2 connections\nlast {5}accuracy/);
  expect(text.stdout).toMatch(/s\d+ +0 +127\.0\.0\.1:\d+/);

  expect((await place.run('runs pause')).stdout).toContain('It is paused');
  await vi.waitFor(async () => expect(await statusOf(place)).toMatchObject({ phase: 'paused' }), 20_000);
  const atPause = roundsOf(server);
  await statusOf(place);
  // One may have been on its way to the disk.
  expect(roundsOf(server)).toBeLessThanOrEqual(atPause + 1);
  expect((await place.run('runs resume latest')).code).toBe(0);
  await server.event('round', ({ round }) => Number(round) > atPause + 3);

  expect((await place.run('runs stop latest')).stdout).toContain('ends after the round under way');
  const { code } = await server.ended;
  expect(code).toBe(0);
  expect(server.events.at(-1)).toMatchObject({ event: 'finished', stopped: { code: 'run.stopped' } });
  for (const client of clients) expect((await client.ended).code).toBe(0);
  await expect(stat(join(folder, 'admin.json'))).rejects.toMatchObject({ code: 'ENOENT' });
  const gone = await place.run('status latest');
  expect([gone.code, gone.stderr.replace(/\s+/g, ' ')]).toEqual([1, expect.stringContaining('cannot be reached')]);
}, 120_000);

it('clients kick, ban and unban: a process that is not wanted ends, and cannot come again until it may', async () => {
  const { place, server, folder, join: joined } = await started();
  const [first, second] = [joined(0), joined(1)];
  await server.event('round');
  expect((await place.run('clients kick --index 0')).stdout).toMatch(/^1 connection closed: s\d+\n$/);
  const kicked = await first.ended;
  expect([kicked.code, kicked.stderr]).toEqual([1, expect.stringContaining('operator of this server has closed')]);
  expect((await place.run('clients ban latest --index 0')).stdout).toBe('0 connections closed\n');
  const banned = await joined(0).ended;
  expect([banned.code, banned.stderr.replace(/\s+/g, ' ')]).toEqual([
    1,
    expect.stringContaining('does not let clients 0 in'),
  ]);
  expect((await place.run('status')).stdout).toContain('banned   clients 0');
  expect((await place.run('clients unban --index 0')).stdout).toBe('1 ban lifted\n');
  const back = joined(0);
  const before = roundsOf(server);
  await server.event('round', ({ round }) => Number(round) > before + 1);
  expect((await place.run('clients ban --host 127.0.0.1')).stdout).toMatch(/^2 connections closed/);
  for (const client of [second, back]) expect((await client.ended).code).toBe(1);
  await vi.waitFor(async () => {
    const audit = (await readFile(join(folder, 'audit.jsonl'), 'utf8')).split('\n').slice(0, -1);
    const acts = audit.map((line) => JSON.parse(line)).filter(({ event }) => event === 'operator');
    expect(acts.map(({ act, clients, host }) => [act, clients ?? host])).toEqual([
      ['kick', '0'],
      ['ban', '0'],
      ['unban', '0'],
      ['ban', '127.0.0.1'],
    ]);
  });
  expect((await place.run('clients kick')).stderr).toContain('Say whom: --index 0-3, or --session s4');
  server.child.kill('SIGINT');
  await server.ended;
}, 120_000);

it('the endpoints want their token, but for health, and tell Prometheus', async () => {
  const { server, folder, join: joined } = await started();
  const clients = [joined(0), joined(1)];
  await server.event('round');
  const file = join(folder, 'admin.json');
  const { url, token } = JSON.parse(await readFile(file, 'utf8')) as { url: string; token: string };
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(`${server.stdout}${server.stderr}${await readFile(join(folder, 'run.json'), 'utf8')}`).not.toContain(token);

  const ask = (path: string, init: RequestInit = {}) => fetch(url + path, init);
  const known = { authorization: `Bearer ${token}` };
  expect(await (await ask('/healthz')).text()).toBe('ok\n');
  expect((await ask('/readyz')).status).toBe(200);
  for (const headers of [{}, { authorization: 'Bearer' }, { authorization: `Bearer ${token}x` }] as Record<
    string,
    string
  >[]) {
    expect((await ask('/status', { headers })).status).toBe(401);
    expect((await ask('/stop', { method: 'POST', headers })).status).toBe(401);
  }
  const scrape = await ask('/metrics', { headers: known });
  expect(scrape.headers.get('content-type')).toContain('text/plain');
  const text = await scrape.text();
  expect(text).toMatch(/^fedloom_clients_present\{run="[^"]+"\} 2$/m);
  expect(text).toMatch(/^fedloom_phase\{phase="(training|evaluating)",run="[^"]+"\} 1$/m);
  expect(text).toMatch(/^fedloom_result\{metric="accuracy",of="server",run="[^"]+"\} [\d.e-]+$/m);
  expect(text).toMatch(/^process_resident_memory_bytes\{/m);
  expect(text).toContain('# TYPE fedloom_updates_folded_total counter');
  expect(text).toMatch(/^fedloom_updates_folded_total\{run="[^"]+"\} [1-9]\d*$/m);
  expect(text).toMatch(/^fedloom_received_bytes_total\{run="[^"]+"\} [1-9]\d*$/m);

  const wrong = (path: string, body: string) => ask(path, { method: 'POST', headers: known, body });
  for (const body of ['{}', '{"clients":"x"}', '{"clients":"0","who":1}', 'no json', `"${'a'.repeat(70_000)}"`]) {
    expect((await wrong('/ban', body)).status).toBe(400);
  }
  expect((await ask('/status', { method: 'DELETE', headers: known })).status).toBe(404);
  server.child.kill('SIGTERM');
  expect((await server.ended).code).toBe(143);
  await Promise.all(clients.map(({ ended }) => ended));
}, 120_000);

it('an observer looks on and steers nothing, by a token of its own', async () => {
  const { place, server, folder } = await started();
  const file = join(folder, 'observer.json');
  const { url, token } = JSON.parse(await readFile(file, 'utf8')) as { url: string; token: string };
  expect((await stat(file)).mode & 0o137).toBe(0);
  expect(JSON.parse(await readFile(join(folder, 'admin.json'), 'utf8')).token).not.toBe(token);
  const headers = { authorization: `Bearer ${token}` };
  const ask = (path: string, method = 'GET') => fetch(url + path, { method, headers });
  expect([(await ask('/status')).status, (await ask('/metrics')).status]).toEqual([200, 200]);
  for (const act of ['pause', 'resume', 'stop', 'kick', 'ban', 'unban']) {
    expect((await ask(`/${act}`, 'POST')).status).toBe(403);
  }
  // As for who may not read it.
  await rm(join(folder, 'admin.json'));
  expect(await statusOf(place)).toMatchObject({ phase: 'waiting' });
  const pause = await place.run('runs pause');
  expect([pause.code, pause.stderr.replace(/\s+/g, ' ')]).toEqual([
    1,
    expect.stringMatching(/refused: An observer looks on, and steers nothing: this wants an admin's token/),
  ]);
  server.child.kill('SIGINT');
  await server.ended;
  await expect(stat(file)).rejects.toMatchObject({ code: 'ENOENT' });
}, 60_000);

it('refuses what cannot be an address or a token, and is off where nobody wants it', async () => {
  const place = await Workplace.create({ 't.ts': CLOUDS, short: 'abc\n' });
  const serve = (args: string) => place.run(`server t.ts 2 2 1 --listen 127.0.0.1:0 ${args}`);
  expect((await serve('--admin nowhere')).stderr).toContain('It must be a port, 127.0.0.1:PORT, or off');
  expect((await serve('--admin 0.0.0.0:9090')).stderr.replace(/\s+/g, ' ')).toContain(
    'would listen on 0.0.0.0, unencrypted',
  );
  for (const [option, whose] of [
    ['--admin-token-file', "admins'"],
    ['--observer-token-file', "observers'"],
  ]) {
    const { stderr } = await serve(`${option} short`);
    expect(stderr).toContain(`The ${whose} token has 3 characters; take at least 32`);
  }
  await place.write('long', 'x'.repeat(40));
  const same = await serve('--admin-token-file long --observer-token-file long');
  expect(same.stderr.replace(/\s+/g, ' ')).toContain("The observers' token is that of admins");
  expect((await place.run('runs list')).stdout).toContain('No runs');
  const server = place.start(`${ENDLESS} --admin off`);
  await server.event('listening');
  expect((await place.run('status')).stderr.replace(/\s+/g, ' ')).toContain('cannot be reached: there is no');
}, 60_000);
