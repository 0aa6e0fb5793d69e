import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { makeFolders, makeFoldersSync } from './make-folders.js';

const place = mkdtempSync(join(tmpdir(), 'fedloom-folders-'));
afterAll(() => rmSync(place, { recursive: true }));
writeFileSync(join(place, 'file'), '');

describe.each([
  ['makeFolders', makeFolders],
  ['makeFoldersSync', async (path: string, mode?: number) => makeFoldersSync(path, mode)],
])('%s', (name, make) => {
  it('makes all that are missing, in the mode that is asked for, and takes one that is there', async () => {
    const path = join(place, name, 'a', 'b');
    await make(path, 0o700);
    await make(path);
    for (const made of [path, join(path, '..')]) expect(statSync(made).mode & 0o777).toBe(0o700);
  });

  it('makes one that several want at a time', async () => {
    const path = join(place, name, 'c', 'd', 'e');
    await Promise.all(Array.from({ length: 20 }, () => make(path)));
    expect(statSync(path).isDirectory()).toBe(true);
  });

  it.each([
    ['a file in its place', join(place, 'file'), 'EEXIST'],
    ['a file above it', join(place, 'file', 'a', 'b'), 'ENOTDIR'],
    // Node's own `recursive` does not come back from here.
    ['a folder that takes none', '/proc/nope/a', 'ENOENT'],
  ])('fails for %s', async (_, path, code) => {
    await expect(make(path)).rejects.toMatchObject({ code });
  });
});
