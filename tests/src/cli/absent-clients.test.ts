import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CLOUDS, Workplace } from './fedloom.js';

describe('fedloom server', () => {
  it('--wait-for-clients: says which index is missing, since when, and ends', async () => {
    const place = await Workplace.create({ 't.ts': CLOUDS });
    const server = place.start('server t.ts 2 2 3 --listen 127.0.0.1:0 --wait-for-clients 4 --json');
    const url = String((await server.event('listening')).url);
    const client = place.start(`client t.ts --server ${url} --index 0`);
    const { code, stderr } = await server.ended;
    expect(code).toBe(1);
    const text = 'The run did not start: after 4 s 1 of 2 clients is there; client 1 has never joined.';
    expect(server.events.at(-1)).toMatchObject({ event: 'error', code: 'run.clients-missing' });
    expect(server.events.at(-1)?.message).toContain(text);
    expect(stderr).toContain(text);
    const told = await client.ended;
    expect(told.code).toBe(1);
    expect(told.stderr).toContain('client 1 has never joined');
    expect((await place.run('runs list')).stdout).toContain(' failed ');
  });

  it('--grace: replaces a client that was killed long before the deadline, and metrics.jsonl says who and why', async () => {
    const place = await Workplace.create({ 't.ts': CLOUDS });
    const server = place.start('server t.ts 3 2 1000000 --listen 127.0.0.1:0 --grace 0.3 --deadline 60 --json');
    const started = await server.event('started');
    expect(started.arguments).toMatchObject({ graceMs: 300, deadlineMs: 60_000 });
    const url = String((await server.event('listening')).url);
    const [, , killed] = [0, 1, 2].map((index) => place.start(`client t.ts --server ${url} --index ${index}`));
    await server.event('round');
    killed?.child.kill('SIGKILL');
    const replaced = await server.event('warning', ({ code }) => code === 'client.replaced');
    expect(replaced.message).toMatch(/^Round \d+: client [01] replaces client 2: .* grace of 300 ms\.$/);
    const round = Number(/\d+/.exec(String(replaced.message))?.[0]) - 1;
    await server.event('round', (event) => event.round === round + 1);
    server.child.kill('SIGINT');
    await server.ended;
    const lines = (await readFile(join(String(started.folder), 'metrics.jsonl'), 'utf8')).trim().split('\n');
    const record = lines.map((line) => JSON.parse(line)).find((line) => line.round === round);
    expect(record.replaced).toEqual([{ client: 2, by: expect.any(Number), reason: expect.stringContaining('grace') }]);
    expect(record.uncounted).toEqual([{ client: 2, code: 'client.away' }]);
    expect(record.awaited).toEqual([2]);
    expect(record.ms.total).toBeLessThan(20_000);
  });

  it('--help says what --grace none means', async () => {
    const { stdout } = await (await Workplace.create()).run('server --help');
    expect(stdout.replace(/\s+/g, ' ')).toContain(
      'may be away before another takes its place; or none: until the deadline, and where there is none, until nobody else trains (default: 10)',
    );
  });

  it('refuses waits that are none', async () => {
    const place = await Workplace.create({ 't.ts': CLOUDS });
    for (const [args, text] of [
      ['server t.ts --wait-for-clients 0', '--wait-for-clients must be a number of seconds above 0'],
      ['server t.ts --grace -1', '--grace must be a number of seconds from 0'],
      ['run t.ts --grace 1', '--grace has a meaning only with --processes'],
    ] as const) {
      const { code, stderr } = await place.run(args);
      expect([code, stderr.includes(text)]).toEqual([2, true]);
    }
  });
});
