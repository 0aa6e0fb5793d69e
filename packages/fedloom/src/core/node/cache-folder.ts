import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { VERSION } from '../version.js';

/**
 * A folder for what can be made again, in the user's own cache folder. Not in the temporary folder, where others could plant
 * code. Undefined where none can be made.
 */
export function cacheFolder(purpose: string): string | undefined {
  try {
    const base = process.env.XDG_CACHE_HOME ?? process.env.LOCALAPPDATA ?? join(homedir(), '.cache');
    const folder = join(base, 'fedloom', `${purpose}-${VERSION}`);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return folder;
  } catch {
    return undefined;
  }
}
