import { FedloomError } from '@fedloom/engine/base';
import type { JobPool } from '../../job-pool.js';
import { BatchingPool } from '../../workers/batching-pool.js';
import type { PoolWorker } from '../../workers/pool-worker.js';
import { type PoolKind, type PoolSettings, workerStarter } from '../pool-choice.js';
import { HostHolders } from './host-holders.js';
import type { RemoteHost } from './remote-host.js';

export interface RemotePoolOptions {
  /** Workers of this process beside those of the hosts. Default 0. */
  readonly local?: number;
  /** What these are; default `threads`. */
  readonly pool?: PoolKind | PoolSettings;
  /** How many workers there are in all, local ones first; default: as many as the hosts offer, and the local ones. */
  readonly workers?: number;
}

/**
 * Workers at the other ends of connections, and some in this process. One that is lost is replaced at its host, while that is
 * there. Closing the pool ends the workers; the hosts stay open, for another pool or to be closed.
 */
export function remotePool(
  hosts: readonly RemoteHost[],
  { local = 0, pool, workers }: RemotePoolOptions = {},
): JobPool {
  const startHere = workerStarter(pool);
  const offered = hosts.flatMap((host) => Array.from({ length: host.offered }, () => host));
  const here = Array.from({ length: local }, () => undefined);
  // One of each in turn, so that few workers are spread over all hosts.
  const places: (RemoteHost | undefined)[] = [...here, ...inTurn(offered)];
  const total = workers ?? places.length;
  const free = Array.from({ length: total }, (_, at) => places[at % places.length]);

  const holders = new HostHolders(hosts);

  function start(): PoolWorker {
    const at = free.findIndex((host) => host === undefined || !host.gone);
    if (at < 0) return nowhere();
    const [host] = free.splice(at, 1);
    const worker = host === undefined ? startHere() : host.startWorker(() => holders.holdAt(host));
    let given = true;
    return {
      send: (message) => worker.send(message),
      cancel: (mark) => worker.cancel(mark),
      ...(worker.lost && { lost: worker.lost }),
      end: () => {
        if (given) free.push(host);
        given = false;
        return worker.end();
      },
    };
  }

  return new RemotePool(total, start, total, holders);
}

class RemotePool extends BatchingPool {
  constructor(
    workers: number,
    startWorker: () => PoolWorker,
    atOnce: number,
    readonly holders: HostHolders,
  ) {
    super(workers, startWorker, atOnce);
  }

  override async close(): Promise<void> {
    await super.close();
    this.holders.release();
  }
}

function inTurn(hosts: readonly RemoteHost[]): RemoteHost[] {
  const round = new Map<RemoteHost, number>();
  const turns = hosts.map((host) => {
    const turn = round.get(host) ?? 0;
    round.set(host, turn + 1);
    return { host, turn };
  });
  return turns.sort((a, b) => a.turn - b.turn).map(({ host }) => host);
}

/** The host of the worker that this one is to replace is gone. */
function nowhere(): PoolWorker {
  const gone = new FedloomError('compute.worker-lost', 'its host is gone', { how: 'its host is gone' });
  return { send: () => Promise.reject(gone), cancel: () => {}, end: async () => {} };
}
