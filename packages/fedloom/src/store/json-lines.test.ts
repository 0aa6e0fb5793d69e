import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { JsonLines } from './json-lines.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fedloom-lines-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('JsonLines', () => {
  it('writes what is appended while it writes, in order', async () => {
    const path = join(folder, 'a.jsonl');
    const lines = await JsonLines.create(path);
    for (let i = 0; i < 500; i += 1) {
      lines.append({ i });
      if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await lines.close();
    const text = await readFile(path, 'utf8');
    expect(
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).i),
    ).toEqual(Array.from({ length: 500 }, (_, i) => i));
  });

  it('has everything in the file after a flush', async () => {
    const path = join(folder, 'a.jsonl');
    const lines = await JsonLines.create(path);
    lines.append({ a: 1 });
    await lines.flush();
    expect(await readFile(path, 'utf8')).toBe('{"a":1}\n');
    lines.append({ a: 2 });
    await lines.close();
    expect(await readFile(path, 'utf8')).toBe('{"a":1}\n{"a":2}\n');
  });

  it.runIf(existsSync('/dev/full'))('says that the disk is full, at every flush, and appends no more', async () => {
    const lines = await JsonLines.create('/dev/full');
    lines.append({ a: 1 });
    await expect(lines.flush()).rejects.toMatchObject({
      code: 'store.full',
      message: expect.stringContaining('/dev/full'),
    });
    lines.append({ a: 2 });
    await expect(lines.flush()).rejects.toMatchObject({ code: 'store.full' });
    await expect(lines.close()).rejects.toMatchObject({ code: 'store.full' });
  });

  // A device that takes everything and cannot be synced: whoever syncs hears of it.
  it.runIf(process.platform === 'linux')(
    'is on the disk after a while, and at its end, where that is wanted',
    async () => {
      const soon = await JsonLines.create('/dev/null', { syncAfterMs: 10 });
      soon.append({ a: 1 });
      await soon.flush();
      await vi.waitFor(() => expect(() => soon.check()).toThrow());
      const last = await JsonLines.create('/dev/null', { syncAfterMs: 60_000 });
      last.append({ a: 1 });
      await expect(last.close()).rejects.toMatchObject({ code: expect.stringMatching(/^store\./) });
      const never = await JsonLines.create('/dev/null');
      never.append({ a: 1 });
      await never.close();
      await expect(soon.close()).rejects.toThrow();
    },
  );

  it('says which file cannot be made', async () => {
    await expect(JsonLines.create(join(folder, 'none', 'a.jsonl'))).rejects.toMatchObject({
      code: 'store.not-writable',
    });
  });
});
