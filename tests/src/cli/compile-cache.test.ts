import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CLOUDS, Workplace } from './fedloom.js';

// Later versions keep a cache of their own.
describe.runIf(process.versions.node.startsWith('20.'))('the compile cache', () => {
  it('is written by the first run, taken by the next, and made anew where it is damaged', async () => {
    const place = await Workplace.create();
    await place.write('task.ts', CLOUDS);
    const env = { XDG_CACHE_HOME: join(place.path, 'cache') };
    const run = async () => {
      const ended = await place.run('run task.ts 4 2 2 --json', env);
      expect(ended.stderr).not.toContain('Error');
      expect(ended.code).toBe(0);
      return JSON.parse(ended.stdout.trim().split('\n').at(-1) as string).modelHash as string;
    };
    const first = await run();
    const compiled = join(place.path, 'cache', 'fedloom');
    const [folder] = readdirSync(compiled).filter((name) => name.startsWith('compiled-'));
    const files = readdirSync(join(compiled, folder as string)).map((name) => join(compiled, folder as string, name));
    expect(files.map((file) => /([a-z]+)-[0-9a-f]+$/.exec(file)?.[1]).sort()).toEqual(['run', 'thread']);
    const inodes = () => files.map((file) => statSync(file).ino);
    const written = inodes();
    expect(await run()).toBe(first);
    expect(inodes()).toEqual(written);
    for (const file of files) {
      const bytes = readFileSync(file);
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 255;
      writeFileSync(file, bytes);
    }
    expect(await run()).toBe(first);
    expect(inodes().every((inode, at) => inode !== written[at])).toBe(true);
    expect(await run()).toBe(first);
  });

  it('is done without where it is turned off, or has no place', async () => {
    const place = await Workplace.create();
    const cache = join(place.path, 'cache');
    const off = await place.run('--version', { XDG_CACHE_HOME: cache, NODE_DISABLE_COMPILE_CACHE: '1' });
    expect(off.code).toBe(0);
    expect(existsSync(cache)).toBe(false);
    expect((await place.run('--version', { XDG_CACHE_HOME: '/dev/null' })).code).toBe(0);
    expect((await place.run('--version', { XDG_CACHE_HOME: cache })).code).toBe(0);
    expect(existsSync(cache)).toBe(true);
  });
});
