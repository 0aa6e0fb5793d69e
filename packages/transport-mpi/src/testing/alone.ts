import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { COMMAND } from './mpirun.js';

/** Runs the command as one process, and not as somebody's rank, wherever the tests themselves are started. */
export function alone(cwd: string, ...args: readonly string[]): SpawnSyncReturns<string> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(OMPI|PMI|PMIX)_/.test(name)));
  return spawnSync(process.execPath, [COMMAND, ...args], { cwd, env, encoding: 'utf8' });
}

/** Of `--json`. */
export function lastEvent(stdout: string): {
  readonly event?: string;
  readonly code?: string;
  readonly modelHash?: string;
} {
  return JSON.parse(stdout.trim().split('\n').at(-1) || '{}');
}
