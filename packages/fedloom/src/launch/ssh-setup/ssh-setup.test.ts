import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hostEntries } from './host-entries.js';
import { openKeyPair } from './key-pair.js';
import { ADD_ENTRIES, ADD_KEY } from './scripts.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fedloom-setup-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const run = (script: string, ...parameters: readonly string[]) =>
  execFileSync('sh', ['-c', script, 'fedloom', ...parameters], {
    env: { ...process.env, HOME: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  }).toString();

describe('ADD_KEY', () => {
  it('adds a key once, on a line of its own, in files for nobody else', async () => {
    run(ADD_KEY, 'ssh-ed25519 AAAA first');
    await writeFile(join(folder, '.ssh/authorized_keys'), 'ssh-rsa BBBB without a line end');
    for (let i = 0; i < 2; i += 1) run(ADD_KEY, 'ssh-ed25519 AAAA it');
    const text = await readFile(join(folder, '.ssh/authorized_keys'), 'utf8');
    expect(text).toBe('ssh-rsa BBBB without a line end\nssh-ed25519 AAAA it\n');
    expect(
      execFileSync('stat', ['-c', '%a', join(folder, '.ssh')])
        .toString()
        .trim(),
    ).toBe('700');
  });
});

describe('ADD_ENTRIES', () => {
  it('adds names that the system does not know, and says which', async () => {
    const file = join(folder, 'hosts');
    await writeFile(file, '127.0.0.1 localhost');
    expect(run(ADD_ENTRIES, file, '10.9.8.7 nobody.invalid', '10.9.8.6 localhost')).toBe('nobody.invalid\n');
    expect(await readFile(file, 'utf8')).toBe('127.0.0.1 localhost\n10.9.8.7 nobody.invalid\n');
  });
});

describe('hostEntries', () => {
  it('takes what is given, and leaves addresses alone', async () => {
    const given = new Map([['ComputeNode1', '172.18.0.3']]);
    expect(await hostEntries([{ name: 'ComputeNode1' }, { name: '10.0.0.1' }], given)).toEqual([
      '172.18.0.3 ComputeNode1',
    ]);
  });

  it('refuses names that nobody knows, and those that mean every machine itself', async () => {
    await expect(hostEntries([{ name: 'nobody.invalid' }], new Map())).rejects.toThrow(
      'nobody.invalid is not known here',
    );
    await expect(hostEntries([{ name: 'localhost' }], new Map())).rejects.toThrow('which means every machine itself');
  });
});

describe('openKeyPair', () => {
  it('makes a pair once; where the public half is lost, it is made again', async () => {
    const path = join(folder, 'new/key');
    const first = await openKeyPair(path);
    expect(first.made).toBe(true);
    expect(first.publicKey).toMatch(/^ssh-ed25519 \S+/);
    await rm(`${path}.pub`);
    const again = await openKeyPair(path);
    expect(again.made).toBe(false);
    expect(again.publicKey.split(' ')[1]).toBe(first.publicKey.split(' ')[1]);
  });

  it('refuses a file that is no key', async () => {
    const path = join(folder, 'key');
    await writeFile(path, 'no key\n', { mode: 0o600 });
    await expect(openKeyPair(path)).rejects.toMatchObject({ code: 'ssh-setup.key' });
  });
});
