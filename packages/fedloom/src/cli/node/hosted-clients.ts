import { FedloomError } from '@fedloom/engine';
import type { IndexRange } from '../../core/index-ranges.js';
import { splitClients } from '../../launch/client-processes.js';
import type { Launched } from '../../transport/mpi/launched-as.js';

/**
 * The clients that a rank hosts: its own one, or with `share` its part of all, dealt in order; undefined for rank 0.
 * @throws FedloomError `usage.ranks` when the ranks do not go round, with the arithmetic
 */
export function hostedClients(clients: number, { by, rank, size }: Launched, share: boolean): IndexRange | undefined {
  const hosts = size - 1;
  const fits = share ? hosts >= 1 && hosts <= clients : hosts === clients;
  if (!fits) {
    const needed = clients + 1;
    const who = `${clients} ${clients === 1 ? 'client' : 'clients'}`;
    const has = `${by} started ${size} ${size === 1 ? 'process' : 'processes'}`;
    const message = share
      ? `${who} can share 2 to ${needed} processes, of which rank 0 serves; ${has}. Change the number after -np.`
      : `${who} need ${needed} processes: rank 0 serves, and each client has a rank of its own. ${has}. Start ${needed} ` +
        `(mpirun -np ${needed}), change CLIENTS to ${hosts}, or let ranks host several clients with --share-ranks.`;
    throw new FedloomError('usage.ranks', message, { clients, size });
  }
  if (rank === 0) return undefined;
  return share ? splitClients(clients, hosts)[rank - 1] : { from: rank - 1, count: 1 };
}
