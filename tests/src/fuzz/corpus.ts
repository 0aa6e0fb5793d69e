import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from '../repository/source-tree.js';

/** What fuzzing has found so far, a folder for each target: inputs that reach other code than the rest, and those that showed a bug. */
export const CORPUS = join(root, 'tests/corpus');

export interface Input {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The inputs that are kept for a target. */
export async function inputsOf(target: string): Promise<Input[]> {
  const folder = join(CORPUS, target);
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return Promise.all(names.sort().map(async (name) => ({ name, bytes: await readFile(join(folder, name)) })));
}
