import { spawnSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { CLOUDS, Workplace } from '../cli/fedloom.js';

const isRoot = userInfo().uid === 0 && process.platform === 'linux';
const SIZE = '6 3 12 --evaluate-every 2';
const DISK_BYTES = 2 << 20;

const mounted: string[] = [];
afterEach(() => {
  for (const path of mounted.splice(0)) spawnSync('umount', ['--lazy', path]);
});

/** A small disk of its own. */
async function disk(path: string): Promise<void> {
  await mkdir(path);
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', path]);
  if (status !== 0) throw new Error(`no disk: ${stderr}`);
  mounted.push(path);
}

/** Puts into it as much as it takes. */
async function fill(path: string): Promise<string> {
  const file = join(path, 'filler');
  const full = await writeFile(file, new Uint8Array(2 * DISK_BYTES)).catch((error: NodeJS.ErrnoException) => error);
  expect(full).toMatchObject({ code: 'ENOSPC' });
  return file;
}

describe.skipIf(!isRoot && process.env.CI !== 'true')('a disk that is full (needs root)', () => {
  it('ends the server with what it has; with space again it goes on to the same model', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    const whole = await place.run(`run task.ts ${SIZE} --json --out whole`);
    const path = join(place.path, 'disk');
    await disk(path);
    const serve = `server task.ts ${SIZE} --listen 127.0.0.1:0 --json --out disk`;
    const server = place.start(serve);
    const { url } = await server.event('listening');
    const joinRun = () => ['0-2', '3-5'].map((index) => place.start(`client task.ts --server ${url} --index ${index}`));
    const told = joinRun();
    await server.event('round', ({ round }) => round === 2);
    const filler = await fill(path);
    const { code, stdout, stderr } = await server.ended;
    expect([code, stderr]).toEqual([1, expect.stringContaining('the disk is full')]);
    expect(stdout.trim().split('\n').at(-1)).toContain('"code":"store.full"');
    // They hear why it ended, and end too.
    for (const client of told) expect((await client.ended).stderr).toContain('the disk is full');
    await rm(filler);
    const resumed = place.start('resume latest --json --out disk');
    await resumed.event('listening');
    const clients = joinRun();
    const { code: second, stdout: lines } = await resumed.ended;
    expect(second).toBe(0);
    const hashIn = (text: string) => JSON.parse(text.trim().split('\n').at(-1) ?? '{}').modelHash;
    expect(hashIn(lines)).toMatch(/^sha256:/);
    expect(hashIn(lines)).toBe(hashIn(whole.stdout));
    for (const client of clients) expect((await client.ended).code).toBe(0);
  }, 180_000);
});
