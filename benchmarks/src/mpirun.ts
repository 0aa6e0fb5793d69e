import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { benchmarksFolder } from './places.js';
import { runProgram } from './spawned.js';

/** Runs a program on two ranks of this machine, neither bound to a core, and gives its lines of JSON. */
export async function onTwoRanks<T>(program: string, args: readonly (string | number)[]): Promise<T[]> {
  const asRoot = process.getuid?.() === 0 ? ['--allow-run-as-root'] : [];
  const flags = [...asRoot, '--oversubscribe', '--bind-to', 'none', '-np', '2'];
  const { stdout } = await runProgram('mpirun', [...flags, program, ...args.map(String)]);
  const lines = stdout.split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line) as T);
}

/** A module of `ranks/`. */
export function onTwoNodes<T>(name: string, args: readonly (string | number)[]): Promise<T[]> {
  const module = fileURLToPath(new URL(`./ranks/${name}.js`, import.meta.url));
  return onTwoRanks<T>(process.execPath, [module, ...args]);
}

/** Compiles the peer in C, for as long as `use` takes. */
export async function withPing<T>(use: (program: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'fedloom-bench-'));
  try {
    const program = join(folder, 'ping');
    await runProgram('mpicc', ['-O2', join(benchmarksFolder, 'peers', 'mpi', 'ping.c'), '-o', program]);
    return await use(program);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
