import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { thisProcess } from '../../core/node/process-identity.js';
import { acquireLock } from './lock.js';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fedloom-lock-'));
  path = join(folder, 'journal.lock');
});
afterEach(() => rm(folder, { recursive: true }));

const NOW = new Date().toISOString();
const held = (changes: object) => JSON.stringify({ ...thisProcess(), since: NOW, token: 'aa', ...changes });

describe('acquireLock', () => {
  it('is refused while another holds it, with who it is, and free after the release', async () => {
    const lock = await acquireLock(path);
    await expect(acquireLock(path)).rejects.toMatchObject({
      code: 'journal.locked',
      message: expect.stringContaining(`process ${process.pid} on ${hostname()}`),
      fields: { pid: process.pid, host: hostname() },
    });
    await lock.release();
    expect(await readdir(folder)).toEqual([]);
    await (await acquireLock(path)).release();
  });

  it('is taken over from a process that was killed, and not while it lives', async () => {
    const code = `import(${JSON.stringify(new URL('./lock.js', import.meta.url).href)})
      .then(({ acquireLock }) => acquireLock(${JSON.stringify(path)}))
      .then(() => { console.log('held'); setInterval(() => {}, 1000); });`;
    const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    await expect(acquireLock(path)).rejects.toMatchObject({ code: 'journal.locked', fields: { pid: child.pid } });
    child.kill('SIGKILL');
    await once(child, 'close');
    const lock = await acquireLock(path);
    expect(JSON.parse(await readFile(path, 'utf8')).pid).toBe(process.pid);
    await lock.release();
  });

  const gone: [name: string, text: () => string][] = [
    ['of a number that no process has', () => held({ pid: 2 ** 30 })],
    ['from before the machine was started anew', () => held({ boot: 'another', since: '2001-01-01T00:00:00Z' })],
    ['that a loss of power left empty', () => ''],
  ];
  for (const [name, text] of gone) {
    it(`takes over one ${name}`, async () => {
      await writeFile(path, text());
      await (await acquireLock(path)).release();
      expect(await readdir(folder)).toEqual([]);
    });
  }

  it.runIf(existsSync('/proc/self/stat'))('takes over one whose number was given again', async () => {
    await writeFile(path, held({ startTicks: '1' }));
    await (await acquireLock(path)).release();
  });

  it("leaves another machine's, and says how to mend it", async () => {
    await writeFile(path, held({ host: 'elsewhere', pid: 2 ** 30 }));
    await expect(acquireLock(path)).rejects.toMatchObject({
      code: 'journal.locked',
      message: expect.stringContaining(`delete ${path}`),
    });
  });

  it('goes to exactly one of many that find it abandoned at the same time', async () => {
    for (let i = 0; i < 10; i += 1) {
      await writeFile(path, held({ pid: 2 ** 30 }));
      const tries = await Promise.allSettled(Array.from({ length: 20 }, () => acquireLock(path)));
      const won = tries.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      for (const one of tries) {
        if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'journal.locked' });
      }
      expect(won).toHaveLength(1);
      await won[0]?.release();
      expect(await readdir(folder)).toEqual([]);
    }
  });

  it('is taken over also from one that died while it took it over', async () => {
    await writeFile(path, held({ pid: 2 ** 30, token: 'aa' }));
    await writeFile(`${path}.aa`, held({ pid: 2 ** 30 - 1, token: 'bb' }));
    await (await acquireLock(path)).release();
    expect(await readdir(folder)).toEqual([]);
  });
});
