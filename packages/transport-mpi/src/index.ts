/** @fedloom/transport-mpi: MPI as a transport of fedloom. */
import { FedloomError, freeBytes, launchedAs, type MpiWorld, uninitializedBytes } from 'fedloom';
import { openMpiWith } from './plug.js';

/**
 * Starts MPI in this process, with every other rank of its job. `listen` and `dial` of the world are a transport:
 *
 * ```ts
 * const mpi = await openMpi();
 * if (mpi.rank === 0) await (await createServer(task, { clients: mpi.size - 1, ..., listeners: [mpi.listen] })).result;
 * else await joinFederation(mpi.urlOf(0), { clients: [{ from: mpi.rank - 1, count: 1 }], task, dial: { mpi: mpi.dial } });
 * await mpi.close();
 * ```
 *
 * @throws FedloomError `mpi.missing`, `mpi.build`, `mpi.mixed`
 */
export function openMpi(): Promise<MpiWorld> {
  return openMpiWith({ FedloomError, freeBytes, uninitializedBytes }, launchedAs(process.env));
}

export type { MpiWorld };
