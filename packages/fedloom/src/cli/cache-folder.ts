import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { makeFoldersSync } from '../core/node/make-folders.js';
import { VERSION } from '../core/version.js';

/**
 * A folder for what can be made again, in the user's own cache folder. Not in the temporary folder, nor in that where one
 * works: there others could plant code. Undefined where none can be made.
 */
export function cacheFolder(purpose: string): string | undefined {
  try {
    const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
    const base = [XDG_CACHE_HOME, LOCALAPPDATA, join(homedir(), '.cache')].find((path) => path && isAbsolute(path));
    if (base === undefined) return undefined;
    const folder = join(base, 'fedloom', `${purpose}-${VERSION}`);
    makeFoldersSync(folder, 0o700);
    return folder;
  } catch {
    return undefined;
  }
}
