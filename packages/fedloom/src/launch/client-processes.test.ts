import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LastLines } from '../core/last-lines.js';
import { type LostProcess, splitClients, startClientProcesses } from './client-processes.js';
import { settlesWithin } from './settles-within.js';

describe('splitClients', () => {
  it('covers all clients once, in order, in parts that differ by at most one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 200 }), (clients, processes) => {
        const parts = splitClients(clients, processes);
        expect(parts).toHaveLength(Math.min(clients, processes));
        let next = 0;
        for (const { from, count } of parts) {
          expect(from).toBe(next);
          expect(count).toBeGreaterThanOrEqual(Math.floor(clients / parts.length));
          expect(count).toBeLessThanOrEqual(Math.ceil(clients / parts.length));
          next += count;
        }
        expect(next).toBe(clients);
      }),
      { numRuns: 200 },
    );
  });
});

describe('startClientProcesses', () => {
  const start = (script: string, parts: number, onLost: (lost: LostProcess) => void) =>
    startClientProcesses({
      command: process.execPath,
      args: ['-e', script, '--'],
      parts: splitClients(parts, parts),
      onLost,
    });

  it('tells which child ended, how, and what it said last', async () => {
    const lost: LostProcess[] = [];
    const all = new Promise<void>((resolve) => {
      const script = 'console.error("first\\nlast of " + process.argv.at(-1)); process.exit(+process.argv.at(-1) + 3)';
      start(script, 2, (one) => {
        lost.push(one);
        if (lost.length === 2) resolve();
      });
    });
    await all;
    expect(lost.map(({ left }) => left)).toEqual([1, 0]);
    const second = lost.find(({ clients }) => clients.from === 1);
    expect(second).toMatchObject({ how: 'exit code 4', lines: ['first', 'last of 1'] });
  });

  it('tells of a command that cannot be started', async () => {
    const lost = await new Promise<LostProcess>((resolve) => {
      startClientProcesses({ command: '/no/such/command', args: [], parts: [{ from: 0, count: 1 }], onLost: resolve });
    });
    expect(lost.how).toContain('ENOENT');
  });

  it('stop waits for children that leave, and says nothing of them', async () => {
    let lost = 0;
    const children = start('setTimeout(() => {}, 300)', 2, () => {
      lost += 1;
    });
    const startedMs = performance.now();
    await children.stop();
    expect(performance.now() - startedMs).toBeGreaterThan(200);
    expect(lost).toBe(0);
  });

  it('stop ends children that stay', async () => {
    const script = 'process.on("SIGTERM", () => process.exit(0)); setInterval(() => {}, 1000)';
    const startedMs = performance.now();
    await start(script, 1, () => {}).stop();
    expect(performance.now() - startedMs).toBeLessThan(6500);
  });
});

it('settlesWithin tells whether a promise settled in time, either way', async () => {
  expect(await settlesWithin(Promise.resolve(), 1000)).toBe(true);
  expect(await settlesWithin(Promise.reject(new Error('no')), 1000)).toBe(true);
  expect(await settlesWithin(new Promise(() => {}), 20)).toBe(false);
});

it('LastLines keeps the last lines of a text in pieces, without empty ones, in bounded memory', () => {
  const lines = new LastLines(3);
  for (const piece of ['on', 'e\ntwo\n\nthr', 'ee\r\nfo', 'ur']) lines.add(piece);
  expect(lines.all()).toEqual(['two', 'three', 'four']);
  lines.add(`\n${'x'.repeat(1_000_000)}`);
  expect(lines.all().at(-1)?.length).toBe(2000);
});
