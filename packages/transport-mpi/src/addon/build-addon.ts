import { execFile } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TransportLibrary } from '../library.js';
import type { Compiler } from './compilers.js';
import { makeFolders } from './make-folders.js';

const exec = promisify(execFile);
const NATIVE = fileURLToPath(new URL('../../native/', import.meta.url));
/** What the addon is compiled from, headers too. */
export const SOURCES: readonly string[] = readdirSync(NATIVE)
  .sort()
  .map((name) => join(NATIVE, name));
/** Nobody compiles for so long: whoever began it has died. */
const STALE_MS = 120_000;
const LOOK_AGAIN_MS = 50;
const LINES_SHOWN = 12;

/**
 * Compiles the addon to `file`. Of ranks that come together on one machine one compiles, and the others wait for it.
 * @throws FedloomError `mpi.build` with the compiler's words
 */
export async function buildAddon(library: TransportLibrary, compiler: Compiler, file: string): Promise<void> {
  makeFolders(dirname(file));
  const lock = `${file}.lock`;
  while (!takeLock(lock)) {
    await sleep(LOOK_AGAIN_MS);
    if (existsSync(file)) return;
  }
  const unfinished = `${file}.${process.pid}`;
  try {
    if (existsSync(file)) return;
    await compile(library, compiler, unfinished);
    renameSync(unfinished, file);
  } finally {
    rmSync(unfinished, { force: true });
    rmSync(lock, { force: true });
  }
}

async function compile({ FedloomError }: TransportLibrary, compiler: Compiler, output: string): Promise<void> {
  const headers: string = createRequire(import.meta.url)('node-api-headers').include_dir;
  const flags = ['-std=c++17', '-O2', '-fPIC', '-shared', '-pthread', `-I${headers}`];
  try {
    await exec(compiler.path, [...flags, ...SOURCES.filter((file) => file.endsWith('.cc')), '-o', output]);
  } catch (cause) {
    const said = (cause as { readonly stderr?: string }).stderr || String(cause);
    const lines = said.trim().split('\n').slice(0, LINES_SHOWN).join('\n  ');
    throw new FedloomError(
      'mpi.build',
      `${compiler.path} could not compile the MPI addon. It needs a C++ compiler (apt-get install g++) and MPI's headers ` +
        `(apt-get install libopenmpi-dev, or libmpich-dev):\n  ${lines}`,
      { compiler: compiler.path },
      { cause },
    );
  }
}

function takeLock(lock: string): boolean {
  try {
    closeSync(openSync(lock, 'wx'));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const since = statSync(lock, { throwIfNoEntry: false })?.mtimeMs;
    if (since !== undefined && Date.now() - since > STALE_MS) rmSync(lock, { force: true });
    return false;
  }
}
