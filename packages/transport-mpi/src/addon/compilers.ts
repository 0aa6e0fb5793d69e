import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A compiler of MPI programs. */
export interface Compiler {
  readonly path: string;
  /** Changes when another version is installed in its place. */
  readonly identity: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Debian keeps several MPIs side by side under such names. */
const NAMES = { 'Open MPI': ['mpicxx.openmpi', 'mpicxx'], MPICH: ['mpicxx.mpich', 'mpicxx'], any: ['mpicxx'] } as const;

/**
 * The compiler to use: that of `FEDLOOM_MPICXX`, else the first in `PATH` for this MPI.
 * @param flavour the MPI that is wanted, where one is
 */
export function findCompiler(flavour: 'Open MPI' | 'MPICH' | undefined, env: Environment): Compiler | undefined {
  const { FEDLOOM_MPICXX: chosen } = env;
  const names = chosen === undefined ? NAMES[flavour ?? 'any'] : [chosen];
  for (const name of names) {
    const places = name.includes('/') ? [name] : (env.PATH ?? '').split(delimiter).map((folder) => join(folder, name));
    const path = places.find(isExecutable);
    if (path !== undefined) return { path, identity: identityOf(path) };
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function identityOf(path: string): string {
  const { size, mtimeMs } = statSync(path);
  return [realpathSync(path), path, size, mtimeMs].join(' ');
}
