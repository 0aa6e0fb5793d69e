import type { Launched } from 'fedloom';
import type { TransportLibrary } from './library.js';

/** Which MPI a library's text means. */
export function flavourOf(implementation: string): 'Open MPI' | 'MPICH' {
  return /Open MPI/i.test(implementation) ? 'Open MPI' : 'MPICH';
}

/** The version as people know it: `Open MPI v4.1.4`. */
export function versionOf(implementation: string): string {
  const [first = ''] = implementation.split('\n');
  const mpich = /Version:\s*(\S+)/.exec(first)?.[1];
  return mpich === undefined ? (first.split(',')[0] ?? first) : `${flavourOf(implementation)} ${mpich}`;
}

/**
 * Refuses a library that is not the launcher's: every process would believe that it is alone. Before MPI starts.
 * @throws FedloomError `mpi.mixed`
 */
export function checkFlavour(
  { FedloomError }: TransportLibrary,
  launched: Launched | undefined,
  implementation: string,
): void {
  if (launched === undefined || launched.by === 'Slurm' || launched.by === flavourOf(implementation)) return;
  const library = versionOf(implementation);
  throw new FedloomError(
    'mpi.mixed',
    `Two MPIs are mixed: rank ${launched.rank} was started by the mpirun of ${launched.by}, but this package is compiled for ` +
      `${library}. Start it with the mpirun of ${flavourOf(implementation)}, or point FEDLOOM_MPICXX to the mpicxx of ${launched.by}.`,
    { launcher: launched.by, library },
  );
}

/**
 * Refuses a world that is not that of the launcher.
 * @throws FedloomError `mpi.mixed`
 */
export function checkWorld(
  { FedloomError }: TransportLibrary,
  launched: Launched | undefined,
  world: { readonly size: number; readonly implementation: string },
): void {
  if (launched === undefined || launched.size === world.size) return;
  const library = versionOf(world.implementation);
  throw new FedloomError(
    'mpi.mixed',
    `Two MPIs are mixed: ${launched.by} started ${launched.size} processes, but ${library} knows of ${world.size}. Use the ` +
      'launcher that belongs to it; under Slurm, srun --mpi=pmix (srun --mpi=list names what there is).',
    { launcher: launched.by, library },
  );
}
