import { expect, it } from 'vitest';
import { CLOUDS, Workplace } from './fedloom.js';

type LogLine = Readonly<Record<string, unknown>>;

const records = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line): LogLine => JSON.parse(line));
const named = (lines: readonly LogLine[], event: string) => lines.filter((line) => line.event === event);

const LOUD = CLOUDS.replace('export default', "console.log('loaded\\nit'); export default");

it('run --log-format json writes a line an event, and what the task logs', async () => {
  const place = await Workplace.create({ 'task.ts': LOUD });
  const { stdout, stderr, code } = await place.run('run task.ts 4 2 3 --log-format json');
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  const lines = records(stdout);
  for (const line of lines) {
    expect(line).toMatchObject({ role: 'run', rank: 0, level: expect.any(String), event: expect.any(String) });
    expect(new Date(String(line.time)).toISOString()).toBe(line.time);
  }
  expect(named(lines, 'message').map(({ message }) => message)).toEqual(expect.arrayContaining(['loaded', 'it']));
  expect(named(lines, 'round').map(({ round, asked, counted }) => [round, asked, counted])).toEqual([
    [0, 2, 2],
    [1, 2, 2],
    [2, 2, 2],
  ]);
  expect(named(lines, 'finished')).toMatchObject([{ status: 'completed', rounds: 3 }]);
});

it('with --json, programs have results on stdout and the log on stderr; errors are records too', async () => {
  const place = await Workplace.create({ 'task.ts': CLOUDS });
  const both = await place.run('run task.ts 4 2 1 --json --log-format json');
  expect(records(both.stdout).map(({ event }) => event)).toEqual(['started', 'round', 'finished']);
  expect(named(records(both.stderr), 'finished')[0]?.modelHash).toBe(records(both.stdout).at(-1)?.modelHash);
  const failed = await place.run('run none.ts 4 2 1 --log-format=json');
  expect(failed.stderr.split('\n')).toHaveLength(2);
  expect(records(failed.stderr)).toMatchObject([
    { level: 'error', role: 'run', event: 'error', code: 'task.not-found' },
  ]);
});

it('launch --log-format json brings the records of all parts together, with rank, role, host and round', async () => {
  const place = await Workplace.create({ 'task.ts': LOUD, hosts: '127.0.0.1\n127.0.0.2\n' });
  const { stdout, code } = await place.run('launch task.ts 3 3 2 --hostfile hosts --port 0 --log-format json');
  expect(code).toBe(0);
  const lines = records(stdout);
  expect(named(lines, 'round')).toMatchObject([
    { role: 'server', rank: 0, host: '127.0.0.1', round: 0 },
    { role: 'server', rank: 0, host: '127.0.0.1', round: 1 },
  ]);
  const trained = named(lines, 'trained').map(({ role, rank, host, round }) => [role, round, rank, host].join(' '));
  expect(trained.sort()).toEqual([
    'client 0 1 127.0.0.2',
    'client 0 2 127.0.0.1',
    'client 0 3 127.0.0.2',
    'client 1 1 127.0.0.2',
    'client 1 2 127.0.0.1',
    'client 1 3 127.0.0.2',
  ]);
  expect(named(lines, 'joined').filter(({ role }) => role === 'client')).toMatchObject(
    expect.arrayContaining([expect.objectContaining({ ranks: '1,3', of: 3 }), expect.objectContaining({ rank: 2 })]),
  );
});
