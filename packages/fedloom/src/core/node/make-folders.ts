import { mkdirSync, statSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes a folder and those above it that are missing. Node's own `recursive` goes round for ever where a folder exists
 * but takes no entries, such as `/proc`.
 * @param mode of those that are made
 */
export async function makeFolders(path: string, mode?: number): Promise<void> {
  const parent = dirname(path);
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === path)
      return refuseUnless(await isFolder(path), error);
    if (!(await isFolder(parent))) await makeFolders(parent, mode);
    // Once more: others may have made what is above it meanwhile, or it itself.
    await mkdir(path, { mode }).catch(async (again: unknown) => refuseUnless(await isFolder(path), again));
  }
}

/** The same, at once. */
export function makeFoldersSync(path: string, mode?: number): void {
  const parent = dirname(path);
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === path)
      return refuseUnless(isFolderSync(path), error);
    if (!isFolderSync(parent)) makeFoldersSync(parent, mode);
    try {
      mkdirSync(path, { mode });
    } catch (again) {
      refuseUnless(isFolderSync(path), again);
    }
  }
}

function refuseUnless(isThere: boolean, error: unknown): void {
  if (!isThere) throw error;
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

function isFolderSync(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
