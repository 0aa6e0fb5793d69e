import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** For files of a run, the standard streams and whatever else a server opens. */
const KEPT = 64;
/** A thread that evaluates has an event loop of its own. */
const KEPT_PER_CORE = 8;

/**
 * How many connections this process may have open, so that it can still open its own files: the limit that the system sets on open
 * files (`ulimit -n`; Node raises it as far as it may) less 64 and 8 for each core, but half of it at least.
 * @returns undefined where the system does not tell: it is read from Linux's `/proc`
 */
export function connectionsInReach(limits: () => string = ownLimits): number | undefined {
  const openFilesMax = Number(/^Max open files\s+(\d+)/m.exec(limits())?.[1] ?? Number.NaN);
  if (Number.isNaN(openFilesMax)) return undefined;
  const kept = KEPT + KEPT_PER_CORE * availableParallelism();
  return Math.max(1, openFilesMax - Math.min(kept, Math.ceil(openFilesMax / 2)));
}

function ownLimits(): string {
  try {
    return readFileSync('/proc/self/limits', 'utf8');
  } catch {
    return '';
  }
}
