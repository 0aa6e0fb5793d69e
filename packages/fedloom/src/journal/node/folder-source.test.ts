import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readDecisions } from '../read-journal.js';
import { countingRun } from '../testing/counting-run.js';
import { folderSource } from './folder-source.js';
import { folderStorage } from './folder-storage.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'fedloom-source-'));
});
afterEach(() => rm(root, { recursive: true }));

describe('folderSource', () => {
  it('reads the journal of a run that goes on, and leaves the folder as it is', async () => {
    const storage = await folderStorage(root);
    await countingRun(storage, 4, { rounds: 0, finished: false });
    const held = await folderStorage(root);
    const before = await readdir(root);
    const recovered = await readDecisions(folderSource(root));
    expect(recovered?.decided.map(({ round }) => round)).toEqual([0, 1, 2, 3]);
    expect(await readdir(root)).toEqual(before);
    await held.close();
  });

  it('finds nothing where there is no journal, and says what it cannot read', async () => {
    const recovered = await readDecisions(folderSource(join(root, 'nowhere')));
    expect([recovered, await readdir(root)]).toEqual([undefined, []]);
    await writeFile(join(root, 'file'), '');
    await expect(folderSource(join(root, 'file')).readLog()).rejects.toMatchObject({
      code: expect.stringMatching(/^store\./),
      message: expect.stringContaining(join(root, 'file', 'journal.log')),
    });
  });
});
