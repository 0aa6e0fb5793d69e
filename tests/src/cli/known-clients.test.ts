/** Keys of clients on the command line, with real processes: a running server learns of changes, and indices have owners. */
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CLOUDS, Workplace } from './fedloom.js';

const SIZE = '2 2 40 --seed 11 --json --workers 1';
const KNOWN = '--known-clients known';
const flat = (text: string) => text.replace(/\s+/g, ' ');

async function enrolled(place: Workplace, name: string): Promise<string> {
  const { code, stdout } = await place.run(`clients enrol --key-file ${name}.key`);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^ed25519:[\w-]{43}\n$/)]);
  return stdout.trim();
}

it('an index stays with its owner over a restart; revoked and rotated keys show on a running server', async () => {
  const place = await Workplace.create({ 'task.ts': CLOUDS });
  const [north, south, later] = [
    await enrolled(place, 'north'),
    await enrolled(place, 'south'),
    await enrolled(place, 'later'),
  ];
  expect((await stat(join(place.path, 'north.key'))).mode & 0o777).toBe(0o600);
  for (const [name, key] of Object.entries({ north, south })) {
    const indices = name === 'south' ? '--index 0-1' : '';
    expect((await place.run(`clients approve ${name} ${key} ${KNOWN} ${indices}`)).code).toBe(0);
  }
  const server = place.start(`server task.ts ${SIZE} --listen 127.0.0.1:0 ${KNOWN}`);
  const { url } = await server.event('listening');
  const client = (index: string, key: string) =>
    `client task.ts --server ${url} --workers 1 --index ${index} --key-file ${key}.key`;
  const first = place.start(client('0', 'north'));
  await first.until('a place', () => /Joined/.test(first.stdout) || undefined);
  first.child.kill('SIGKILL');
  const thief = await place.run(client('0', 'south'));
  expect([thief.code, flat(thief.stderr)]).toEqual([
    1,
    expect.stringContaining('Client 0 of this run belongs to north'),
  ]);
  server.child.kill('SIGKILL');
  await server.ended;
  const resumed = place.start('resume latest --json');
  await resumed.event('listening');
  expect(flat((await place.run(client('0', 'south'))).stderr)).toContain('belongs to north');
  expect((await place.run(`clients revoke south ${KNOWN}`)).code).toBe(0);
  expect(flat((await place.run(client('1', 'south'))).stderr)).toMatch(/key of south was revoked on/);
  expect(flat((await place.run(client('1', 'later'))).stderr)).toMatch(/is not known to this server.*clients approve/);
  expect((await place.run(`clients rotate north ${later} ${KNOWN}`)).code).toBe(0);
  expect(flat((await place.run(client('0', 'north'))).stderr)).toMatch(/key of north was revoked on/);
  const all = place.start(client('0-1', 'later'));
  await resumed.event('finished');
  expect((await all.ended).code).toBe(0);
  const list = (await place.run(`clients list ${KNOWN}`)).stdout.trim().split('\n');
  expect(list).toEqual([
    expect.stringMatching(/^north {2}ed25519:\S+ {2}revoked /),
    expect.stringMatching(/^south {2}ed25519:\S+ {2}clients 0-1 {2}revoked /),
    `north  ${later}`,
  ]);
  const owners = await readFile(join(String((await resumed.event('started')).folder), 'owners.jsonl'), 'utf8');
  expect(owners).toBe('{"from":0,"count":1,"owner":"north"}\n{"from":1,"count":1,"owner":"north"}\n');
}, 90_000);

it('who is in by a key that is revoked, or by a token that is removed, is closed upon; the others stay', async () => {
  const place = await Workplace.create({ 'task.ts': CLOUDS });
  for (const name of ['north', 'south']) {
    const key = await enrolled(place, name);
    expect((await place.run(`clients approve ${name} ${key} ${KNOWN}`)).code).toBe(0);
  }
  await place.run('clients token --token-file tokens --name guest --out guest.token');
  const server = place.start(`server task.ts 4 4 2 --json --listen 127.0.0.1:0 ${KNOWN} --token-file tokens`);
  const { url } = await server.event('listening');
  const client = (index: number, secret: string) =>
    place.start(`client task.ts --server ${url} --workers 1 --index ${index} ${secret}`);
  const [north, south, guest] = [
    client(0, '--key-file north.key'),
    client(1, '--key-file south.key'),
    client(2, '--token-file guest.token'),
  ];
  for (const one of [north, south, guest]) await one.until('a place', () => /Joined/.test(one.stdout) || undefined);
  expect((await place.run(`clients revoke south ${KNOWN}`)).code).toBe(0);
  await writeFile(join(place.path, 'tokens'), '# nobody\n');
  const ended = await Promise.all([south.ended, guest.ended]);
  expect(ended.map(({ code, stderr }) => [code, flat(stderr)])).toEqual([
    [1, expect.stringMatching(/proved who it is by \(key\) was revoked/)],
    [1, expect.stringMatching(/proved who it is by \(token\) was revoked/)],
  ]);
  expect(north.child.exitCode).toBeNull();
}, 60_000);

it('says in one line what is wrong', async () => {
  const place = await Workplace.create({ 'task.ts': CLOUDS, known: '', broken: 'hello\n' });
  const key = await enrolled(place, 'north');
  const cases: readonly (readonly [line: string, text: RegExp])[] = [
    ['clients enrol --key-file north.key', /a file of that name is in the way.*--key-file/],
    [`clients approve north ed25519:short --known-clients new`, /is no key of a client: it reads like ed25519/],
    [`clients approve a,#b ${key} --known-clients new`, /A name is one word/],
    [`clients revoke north --known-clients new`, /north has no key in use in new/],
    ['clients list --known-clients broken', /Line 1 of broken: it does not begin with a key/],
    [
      `server task.ts ${SIZE} --known-clients known`,
      /everybody on this machine may read or change it.*chmod 600 known/,
    ],
    ['client task.ts --server ws://127.0.0.1:9 --index 0 --key-file known', /chmod 600 known/],
  ];
  for (const [line, text] of cases) {
    const { code, stderr } = await place.run(line);
    expect.soft(code, line).toBeGreaterThan(0);
    expect.soft(flat(stderr), line).toMatch(text);
  }
}, 60_000);
