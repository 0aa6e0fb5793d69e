import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '../../core/node/sha256.js';
import { blobName } from '../storage.js';
import { countingRun, stateAfter } from '../testing/counting-run.js';
import { describeStorage } from '../testing/storage-conformance.js';
import { folderStorage } from './folder-storage.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'fedloom-journal-'));
});
afterEach(() => rm(root, { recursive: true }));

describeStorage('folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fedloom-journal-'));
  return { open: () => folderStorage(folder), end: () => rm(folder, { recursive: true }) };
});

const bytes = Uint8Array.of(1, 2, 3);
const name = blobName('versions', sha256(bytes));

describe('folderStorage', () => {
  it('belongs to one at a time', async () => {
    const storage = await folderStorage(root);
    await expect(folderStorage(root)).rejects.toMatchObject({ code: 'journal.locked' });
    await storage.close();
    await (await folderStorage(root)).close();
  });

  it('passes over files of others, and removes what a crash left half written', async () => {
    await mkdir(join(root, 'versions'));
    await writeFile(join(root, 'versions', 'note.txt'), 'mine');
    await writeFile(join(root, `${name}.tmp`), 'half');
    const storage = await folderStorage(root);
    expect(await storage.list()).toEqual([]);
    expect(await readdir(join(root, 'versions'))).toEqual(['note.txt']);
    await storage.close();
  });

  it('is a folder that people can read', async () => {
    const storage = await folderStorage(join(root, 'deep', 'run'));
    await storage.put(name, bytes);
    await storage.close();
    expect([...(await readFile(join(root, 'deep', 'run', name)))]).toEqual([1, 2, 3]);
  });

  it('says where it cannot be', async () => {
    await writeFile(join(root, 'file'), '');
    await expect(folderStorage(join(root, 'file'))).rejects.toMatchObject({ code: 'store.not-writable' });
    await expect(folderStorage('/proc/fedloom')).rejects.toMatchObject({ code: 'store.not-writable' });
  });

  it.runIf(existsSync('/dev/full'))('says that the disk is full, and where', async () => {
    await symlink('/dev/full', join(root, 'journal.log'));
    const storage = await folderStorage(root);
    await expect(storage.append(bytes)).rejects.toMatchObject({
      code: 'store.full',
      message: expect.stringContaining(join(root, 'journal.log')),
    });
    await mkdir(join(root, 'versions'));
    await symlink('/dev/full', join(root, `${name}.tmp`));
    await expect(storage.put(name, bytes)).rejects.toMatchObject({ code: 'store.full' });
    expect(await readdir(join(root, 'versions'))).toEqual([]);
    await storage.close();
  });

  it('carries a run', async () => {
    const told = { rounds: 0, finished: false };
    const storage = await folderStorage(root);
    expect(await countingRun(storage, 5, told)).toEqual(stateAfter(5));
    expect(await readdir(root)).toEqual(['journal.log', 'states', 'versions']);
    // The last two versions and the server's states, some of which are equal.
    expect((await readdir(join(root, 'versions'))).length).toBeLessThanOrEqual(4);
  });
});
