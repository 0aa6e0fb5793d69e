import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CLOUDS, Workplace } from './fedloom.js';

// Later versions keep files of their own.
const ours = process.versions.node.startsWith('20.');

describe('the compile cache', () => {
  it.runIf(ours)('is written by the first run, taken by the next, and made anew where it is damaged', async () => {
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
    expect(files.map((file) => /([a-z]+)-[0-9a-f]+-[0-9a-f]+$/.exec(file)?.[1]).sort()).toEqual(['run', 'thread']);
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

  it('leaves tasks free to import what they like', async () => {
    const place = await Workplace.create();
    await place.write('ours.mjs', 'export const three = 3;');
    const imports = `
      import { sep } from 'node:path';
      import { WebSocket } from 'ws';
      const { three } = await import('./ours.mjs');
      const { existsSync } = await import('node:fs');
      if (typeof WebSocket !== 'function' || sep.length !== 1 || three !== 3 || !existsSync('.')) throw new Error('no');`;
    await place.write('task.ts', imports + CLOUDS);
    await place.write('node_modules/ws/package.json', '{ "name": "ws", "main": "index.js" }');
    await place.write('node_modules/ws/index.js', 'exports.WebSocket = class {};');
    const env = { XDG_CACHE_HOME: join(place.path, 'cache') };
    for (let time = 0; time < 3; time += 1) {
      const { code, stderr } = await place.run('run task.ts 4 2 2 --json', env);
      expect(stderr).not.toMatch(/error|warning/i);
      expect(code).toBe(0);
    }
  });

  it('serves a terminal, and threads whose number is given', async () => {
    const place = await Workplace.create();
    await place.write('task.ts', CLOUDS);
    const env = { XDG_CACHE_HOME: join(place.path, 'cache') };
    for (const args of ['', '', ' --workers 2', ' --workers 2', ' --processes=2', ' --processes=2']) {
      const { code, stdout } = await place.runOnTerminal(`run task.ts 4 2 2${args}`, env);
      expect(stdout).toContain('Finished');
      expect(code).toBe(0);
    }
    if (!ours) return;
    const folder = join(place.path, 'cache', 'fedloom');
    const [compiled = ''] = readdirSync(folder).filter((name) => name.startsWith('compiled-'));
    const inodes = () => readdirSync(join(folder, compiled)).map((name) => statSync(join(folder, compiled, name)).ino);
    const written = inodes();
    await place.runOnTerminal('run task.ts 4 2 2 --workers 2', env);
    expect(inodes()).toEqual(written);
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
