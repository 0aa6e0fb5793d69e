/** Join tokens on the command line, with real processes; where they are not to be found. */
import { execFileSync } from 'node:child_process';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CLOUDS, Workplace } from './fedloom.js';

const SIZE = '2 2 30 --seed 11 --json --workers 1';

/** Every text below a folder. */
async function textsBelow(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return (await Promise.all(files.map((file) => readFile(file, 'latin1')))).join('\n');
}

it('lets in who has one, by file or environment, and keeps it out of logs, titles and run folders', async () => {
  const place = await Workplace.create({ 'task.ts': CLOUDS });
  const make = 'clients token --token-file tokens';
  const north = await place.run(`${make} --name north --out north.token`);
  expect([north.code, north.stdout]).toEqual([0, 'The token is in north.token.\n']);
  const south = (await place.run(`${make} --uses 1 --expires 30m`)).stdout.trim();
  const modes = await Promise.all(
    ['tokens', 'north.token'].map(async (file) => (await stat(join(place.path, file))).mode),
  );
  expect(modes.map((mode) => mode & 0o777)).toEqual([0o600, 0o600]);
  const secrets = [south, await readFile(join(place.path, 'north.token'), 'utf8')].map(
    (text) => text.trim().split('.')[1] ?? '',
  );

  const server = place.start(`server task.ts ${SIZE} --listen 127.0.0.1:0 --token-file tokens --log-format json`);
  const { url } = await server.event('listening');
  const client = `client task.ts --server ${url} --workers 1 --index`;
  const stranger = await place.run(`${client} 0`);
  expect([stranger.code, stranger.stderr.replace(/\s+/g, ' ')]).toEqual([
    1,
    expect.stringContaining('--token-file or FEDLOOM_TOKEN'),
  ]);
  const first = place.start(`${client} 1`, { FEDLOOM_TOKEN: south });
  await server.until('a client that joined', () => server.stderr.includes('"event":"joined"') || undefined);
  // While the run waits for its other client: it cannot end meanwhile.
  const late = await place.run(`${client} 1`, { FEDLOOM_TOKEN: south });
  expect([late.code, late.stderr.replace(/\s+/g, ' ')]).toEqual([
    1,
    expect.stringContaining('was for 1 uses, which are used up'),
  ]);
  const clients = [first, place.start(`${client} 0 --token-file north.token`)];
  await server.event('begun');
  const titles = execFileSync('ps', ['-A', 'ww', '-o', 'args=']).toString();
  await server.event('finished');
  const ended = await Promise.all([server, ...clients].map((one) => one.ended));
  await auditOf(place, server.stderr);
  expect(ended.map(({ code }) => code)).toEqual([0, 0, 0]);
  expect(server.stderr).toContain('north at 127.0.0.1');
  const seen = [
    titles,
    await textsBelow(join(place.path, 'runs')),
    ...ended.flatMap(({ stdout, stderr }) => [stdout, stderr]),
  ];
  for (const secret of secrets) {
    expect(secret).toHaveLength(43);
    expect(seen.filter((text) => text.includes(secret))).toEqual([]);
  }
}, 60_000);

/** The run's audit log: who was let in and refused, what counted; and whether it is what the server wrote. */
async function auditOf(place: Workplace, log: string): Promise<void> {
  const verified = await place.run('audit verify latest --json');
  const { lines, head, run } = JSON.parse(verified.stdout) as { lines: number; head: string; run: string };
  expect(log).toContain(`Audit log: ${lines} lines, up to ${head.replace('sha256:', '')}`);
  const path = join(place.path, 'runs', run, 'audit.jsonl');
  const text = await readFile(path, 'utf8');
  const events = text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
  expect(events).toHaveLength(lines);
  const of = (event: string) => events.filter((one) => one.event === event);
  expect(of('refused').map(({ code }) => code)).toEqual(['protocol.auth', 'protocol.auth']);
  expect(
    of('admitted')
      .map(({ method, identity }) => `${method} ${identity}`)
      .sort(),
  ).toEqual(['token north', expect.stringMatching(/^token token [0-9a-f]{12}$/)]);
  const north = of('admitted').find(({ identity }) => identity === 'north');
  expect(of('joined').find(({ session }) => session === north?.session)?.clients).toBe('0');
  expect(of('round')).toHaveLength(30);
  const hashes = of('update').map(({ round, client, hash }) => [round, client, /^sha256:[0-9a-f]{64}$/.test(hash)]);
  expect(hashes).toHaveLength(60);
  expect(hashes.filter(([round]) => round === 29).sort()).toEqual([
    [29, 0, true],
    [29, 1, true],
  ]);
  expect(of('round').at(-1)).toMatchObject({ round: 29, counted: '0-1', model: of('ended')[0].model });
  expect((await place.run(`audit verify latest --head ${head}`)).code).toBe(0);
  const cut = await place.run(`audit verify latest --head ${head.replace(/.$/, (last) => (last === '0' ? '1' : '0'))}`);
  expect([cut.code, flat(cut.stderr)]).toEqual([1, expect.stringMatching(/holds, but ends with/)]);
  await writeFile(path, text.replace('"counted":"0-1"', '"counted":"1"'));
  const changed = await place.run('audit verify latest');
  expect([changed.code, flat(changed.stderr)]).toEqual([
    1,
    expect.stringMatching(/Line \d+ of the audit log does not follow on line \d+/),
  ]);
}

const flat = (text: string) => text.replace(/\s+/g, ' ');

it('says in one line what is wrong', async () => {
  const place = await Workplace.create({ 'task.ts': CLOUDS, open: '# tokens\n' });
  const cases: readonly (readonly [line: string, text: RegExp])[] = [
    [`server task.ts ${SIZE} --token-file none`, /A file with tokens or keys cannot be read: ENOENT/],
    [`server task.ts ${SIZE} --token-file open`, /everybody on this machine may read or change it.*chmod 600 open/],
    ['client task.ts --server ws://127.0.0.1:9 --index 0 --token-file open', /chmod 600 open/],
    ['clients token --token-file tokens', /--name hospital-3, or --uses 10/],
    ['clients token --token-file tokens --name a,#b', /one word|must be/],
    ['clients token --token-file tokens --name a --expires yesterday', /--expires must be a time to come/],
    ['clients token --token-file open --name a', /chmod 600 open/],
    ['clients token --token-file tokens --name a --out open', /a file of that name is in the way/],
  ];
  for (const [line, text] of cases) {
    const { code, stderr } = await place.run(line);
    expect.soft(code, line).toBeGreaterThan(0);
    expect.soft(stderr.replace(/\s+/g, ' '), line).toMatch(text);
  }
  const token = await place.run('client task.ts --server ws://127.0.0.1:9 --index 0', { FEDLOOM_TOKEN: 'hello' });
  expect([token.code, token.stderr.replace(/\s+/g, ' ')]).toEqual([2, expect.stringMatching(/This is no token/)]);
}, 60_000);
