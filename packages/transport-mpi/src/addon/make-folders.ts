import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** As fedloom's: Node's own `recursive` goes round for ever where a folder exists but takes no entries, such as `/proc`. */
export function makeFolders(path: string): void {
  if (isFolder(path)) return;
  if (dirname(path) !== path) makeFolders(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    // Another rank may have made it meanwhile.
    if (!isFolder(path)) throw error;
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
