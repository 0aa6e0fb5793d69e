import { createHash } from 'node:crypto';
import { accessSync, constants as files, readdirSync, readFileSync } from 'node:fs';
import { constants, homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Launched } from 'fedloom';
import { checkFlavour, flavourOf } from '../launched.js';
import type { TransportLibrary } from '../library.js';
import type { Addon } from './addon.js';
import { buildAddon, SOURCES } from './build-addon.js';
import { type Compiler, findCompiler } from './compilers.js';
import { makeFolders } from './make-folders.js';

const BUILT = fileURLToPath(new URL('../addon-built', import.meta.url));
const INSTALL = 'apt-get install openmpi-bin libopenmpi-dev g++   (or: mpich libmpich-dev g++)';

/**
 * The addon for the MPI of this machine, compiled now if it was not before.
 * @throws FedloomError `mpi.missing`, `mpi.build`, `mpi.mixed`
 */
export async function loadAddon(library: TransportLibrary, launched: Launched | undefined): Promise<Addon> {
  const wanted = launched === undefined || launched.by === 'Slurm' ? undefined : launched.by;
  const compiler = findCompiler(wanted, process.env);
  const file = compiler === undefined ? builtFor(wanted) : await builtOrFound(library, compiler, wanted);
  if (file === undefined) throw missing(library);
  const addon = open(library, file);
  checkFlavour(library, launched, addon.library());
  return addon;
}

/** Compiles ahead of the first use, where the machine can. @returns the MPI that it is for; undefined where there is none */
export async function buildIfPossible(library: TransportLibrary): Promise<string | undefined> {
  const compiler = findCompiler(undefined, process.env);
  if (compiler === undefined) return undefined;
  return open(library, await built(library, compiler)).library();
}

/** The headers of MPI may be there, and no compiler: what was compiled elsewhere will do. */
async function builtOrFound(
  library: TransportLibrary,
  compiler: Compiler,
  flavour: string | undefined,
): Promise<string> {
  try {
    return await built(library, compiler);
  } catch (error) {
    const found = builtFor(flavour);
    if (found === undefined) throw error;
    return found;
  }
}

async function built(library: TransportLibrary, compiler: Compiler): Promise<string> {
  const name = `${sourceKey()}-${keyOf(compiler.identity)}.node`;
  for (const folder of folders()) {
    const file = join(folder, name);
    if (exists(file)) return file;
  }
  const folder = folders().find(isWritable) ?? folders()[0] ?? BUILT;
  const file = join(folder, name);
  await buildAddon(library, compiler, file);
  return file;
}

/** One that was compiled elsewhere, on a machine that has MPI but no compiler. */
function builtFor(flavour: string | undefined): string | undefined {
  const all = folders().flatMap((folder) => {
    try {
      return readdirSync(folder).map((name) => join(folder, name));
    } catch {
      return [];
    }
  });
  const ours = all.filter((file) => file.includes(`${sourceKey()}-`) && file.endsWith('.node'));
  return ours.find((file) => {
    try {
      return flavour === undefined || flavourOf(raw(file).library()) === flavour;
    } catch {
      return false;
    }
  });
}

function open({ FedloomError }: TransportLibrary, file: string): Addon {
  try {
    return raw(file);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new FedloomError(
      'mpi.missing',
      `MPI cannot be loaded on ${hostname()}: ${why}. Install it: ${INSTALL}`,
      { host: hostname() },
      { cause },
    );
  }
}

function raw(file: string): Addon {
  const module = { exports: {} };
  // MPI loads parts of its own, which look for its symbols among those of the whole process.
  process.dlopen(module, file, constants.dlopen.RTLD_NOW | constants.dlopen.RTLD_GLOBAL);
  return module.exports as Addon;
}

function missing({ FedloomError }: TransportLibrary): Error {
  return new FedloomError(
    'mpi.missing',
    `There is no MPI on ${hostname()} to compile for: no mpicxx in PATH. Install it on every host: ${INSTALL}`,
    { host: hostname() },
  );
}

/** Beside this package, or the user's own where that may not be written to. */
function folders(): readonly string[] {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return [BUILT, join(cache, 'fedloom', 'mpi')];
}

function sourceKey(): string {
  return `${process.platform}-${process.arch}-${keyOf(SOURCES.map((file) => readFileSync(file, 'utf8')).join(''))}`;
}

function keyOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

function exists(file: string): boolean {
  try {
    accessSync(file);
    return true;
  } catch {
    return false;
  }
}

function isWritable(folder: string): boolean {
  try {
    makeFolders(folder);
    accessSync(folder, files.W_OK);
    return true;
  } catch {
    return false;
  }
}
