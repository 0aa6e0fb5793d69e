import { FedloomError } from '@fedloom/engine';
import { freeBytes, uninitializedBytes } from '../../core/byte-memory.js';
import type { Launched } from './launched-as.js';
import type { MpiPlug, MpiWorld } from './mpi-world.js';

const PACKAGE = '@fedloom/transport-mpi';

/**
 * Starts MPI through the package for it, which is loaded now.
 * @throws FedloomError `mpi.package` where it is not installed, `mpi.missing`, `mpi.build`, `mpi.mixed`
 */
export async function openMpi(launched: Launched | undefined): Promise<MpiWorld> {
  return (await loadPlug()).openMpiWith({ FedloomError, freeBytes, uninitializedBytes }, launched);
}

async function loadPlug(): Promise<MpiPlug> {
  // By a name that no bundler follows: whoever does not use MPI does not have it.
  const name = `${PACKAGE}/plug`;
  try {
    return await import(name);
  } catch (cause) {
    if ((cause as { readonly code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    const message = `MPI needs the package ${PACKAGE}, which is not installed beside fedloom: npm install ${PACKAGE}`;
    throw new FedloomError('mpi.package', message, { package: PACKAGE }, { cause });
  }
}
