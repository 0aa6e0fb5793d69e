import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe } from 'vitest';

export const COMMAND = fileURLToPath(new URL('../../../fedloom/bin/fedloom.cjs', import.meta.url));
/** As root, and with more ranks than cores. */
const FLAGS = ['--allow-run-as-root', '--oversubscribe'];
const INSTALL = 'apt-get install openmpi-bin libopenmpi-dev g++';

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const installed = spawnSync('mpirun', ['--version']).status === 0 && spawnSync('mpicxx', ['--version']).status === 0;

/** Tests under a real mpirun: left out where there is none, but never in CI. */
export function describeWithMpi(name: string, tests: () => void): void {
  if (!installed && process.env.CI === 'true') throw new Error(`These tests need MPI: ${INSTALL}`);
  describe.skipIf(!installed)(installed ? name : `${name} (needs MPI: ${INSTALL})`, tests);
}

export interface MpirunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Ends mpirun, as Ctrl-C does. */
  readonly signal?: AbortSignal;
  readonly onStdout?: (text: string) => void;
}

/** Runs Node with these arguments on so many ranks. */
export function mpirun(ranks: number, args: readonly string[], options: MpirunOptions = {}): Promise<Ended> {
  const command = [...FLAGS, '-np', String(ranks), process.execPath, ...args];
  const child = spawn('mpirun', command, {
    ...(options.cwd && { cwd: options.cwd }),
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  options.signal?.addEventListener('abort', () => child.kill('SIGINT'));
  const read = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      read[name] += text;
      if (name === 'stdout') options.onStdout?.(text);
    });
  }
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, ...read })));
}
