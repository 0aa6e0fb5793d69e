import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { cacheFolder } from './cache-folder.js';

const base = mkdtempSync(join(tmpdir(), 'fedloom-cache-'));
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(base, { recursive: true, force: true });
});

it('is made where the user keeps such things', () => {
  vi.stubEnv('XDG_CACHE_HOME', base);
  const folder = cacheFolder('things');
  expect(folder).toMatch(/things-[0-9]/);
  expect(folder?.startsWith(base)).toBe(true);
  expect(existsSync(folder as string)).toBe(true);
});

it('is never in the folder where one works: others may have prepared it', () => {
  vi.stubEnv('LOCALAPPDATA', undefined);
  vi.stubEnv('HOME', base);
  for (const nowhere of ['', '.', 'some/folder']) {
    vi.stubEnv('XDG_CACHE_HOME', nowhere);
    expect(cacheFolder('things')?.startsWith(join(homedir(), '.cache'))).toBe(true);
  }
  vi.stubEnv('HOME', '');
  expect(homedir()).toBe('');
  expect(cacheFolder('things')).toBeUndefined();
});

it('is none where none can be made', () => {
  for (const nowhere of ['/dev/null', '/proc/nope']) {
    vi.stubEnv('XDG_CACHE_HOME', nowhere);
    expect(cacheFolder('things')).toBeUndefined();
  }
});
