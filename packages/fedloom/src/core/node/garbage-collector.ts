import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * What frees at once all that nobody holds. The engine's own collector goes by the size of its heap, of which large arrays are
 * no part: it lets several models of 100 MB lie that nobody needs, and those in shared memory it does not count at all.
 */
export function garbageCollector(): () => void {
  // Holds for contexts that are made from now on; no other code sees it.
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('typeof gc === "function" ? gc : undefined');
  setFlagsFromString('--no-expose-gc');
  return typeof collect === 'function' ? () => void collect() : () => {};
}
