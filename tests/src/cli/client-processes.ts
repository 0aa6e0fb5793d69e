import { execFileSync } from 'node:child_process';

/** The client processes that a run has started. */
export function clientsOf(pid: number): number[] {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args=']).toString().trim().split('\n');
  return table
    .map((line) => line.trim().split(/\s+/))
    .filter(([, parent, ...args]) => Number(parent) === pid && args.includes('client'))
    .map(([own]) => Number(own));
}

/** Those that are still there when the time is up; empty as soon as all are gone. */
export async function gone(pids: readonly number[], withinMs: number): Promise<number[]> {
  const untilMs = performance.now() + withinMs;
  while (pids.some(isAlive) && performance.now() < untilMs) await new Promise((resolve) => setTimeout(resolve, 20));
  return pids.filter(isAlive);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
