import { readFileSync } from 'node:fs';
import { hostname, uptime } from 'node:os';

/** Which process holds something, told so that others can see whether it is gone. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly host: string;
  /** Names the start of the machine, where the platform has such a name. */
  readonly boot?: string;
  /** When the process started, as the machine counts: a number that was given again has another. */
  readonly startTicks?: string;
}

/** This process, by what Linux tells; elsewhere by its number and host alone. */
export function thisProcess(): ProcessIdentity {
  const boot = bootId();
  const startTicks = startTicksOf(process.pid);
  return { pid: process.pid, host: hostname(), ...(boot && { boot }), ...(startTicks && { startTicks }) };
}

/**
 * Whether the process is surely gone. Another machine's cannot be seen from here: false.
 * @param sinceMs when it was there, as `Date.now()`; decides only where the platform does not name the machine's starts
 */
export function isGone({ pid, host, boot, startTicks }: ProcessIdentity, sinceMs: number): boolean {
  if (host !== hostname()) return false;
  const currentBoot = bootId();
  if (boot !== undefined && currentBoot !== undefined) {
    if (boot !== currentBoot) return true;
  } else if (sinceMs < Date.now() - uptime() * 1000) return true;
  const currentTicks = startTicksOf(pid);
  if (startTicks !== undefined && currentTicks !== undefined) return startTicks !== currentTicks;
  // This very process has the number, and had not started then.
  if (pid === process.pid && sinceMs < Date.now() - process.uptime() * 1000) return true;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

function bootId(): string | undefined {
  return read('/proc/sys/kernel/random/boot_id')?.trim();
}

/** Field 22 of its `stat`; the second, its name, stands in brackets and may hold anything. */
function startTicksOf(pid: number): string | undefined {
  const stat = read(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
