import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { benchmarksFolder } from './places.js';
import { runProgram } from './spawned.js';

/** Runs a program on two ranks of this machine, neither bound to a core, and gives its lines of JSON. */
export function onTwoRanks<T>(program: string, args: readonly (string | number)[]): Promise<T[]> {
  return onRanks(2, program, args);
}

async function onRanks<T>(ranks: number, program: string, args: readonly (string | number)[]): Promise<T[]> {
  const asRoot = process.getuid?.() === 0 ? ['--allow-run-as-root'] : [];
  const flags = [...asRoot, '--oversubscribe', '--bind-to', 'none', '-np', String(ranks)];
  const { stdout } = await runProgram('mpirun', [...flags, program, ...args.map(String)]);
  const lines = stdout.split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line) as T);
}

/** A module of `ranks/`. */
export function onNodes<T>(ranks: number, name: string, args: readonly (string | number)[]): Promise<T[]> {
  const module = fileURLToPath(new URL(`./ranks/${name}.js`, import.meta.url));
  return onRanks<T>(ranks, process.execPath, [module, ...args]);
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

/** The Python of the tests, which has mpi4py; undefined where `tools/python/install.sh` has not made it. */
export async function pythonWithMpi(): Promise<string | undefined> {
  const python = join(benchmarksFolder, '..', 'node_modules', '.cache', 'python', 'bin', 'python');
  return runProgram(python, ['-c', 'import mpi4py.MPI']).then(
    () => python,
    () => undefined,
  );
}
