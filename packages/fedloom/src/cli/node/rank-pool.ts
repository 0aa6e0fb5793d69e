import { FedloomError } from '@fedloom/engine';
import type { JobPool } from '../../compute/job-pool.js';
import { RemoteHost } from '../../compute/node/remote/remote-host.js';
import { remotePool } from '../../compute/node/remote/remote-pool.js';
import { hostWorkers } from '../../compute/node/remote/worker-host.js';
import type { Connection } from '../../protocol/transport.js';
import { type Launched, launchedAs } from '../../transport/mpi/launched-as.js';
import { whereGiven } from '../given.js';
import { type PoolFlags, poolOf } from '../pool-options.js';
import { counted } from '../report/format.js';
import { errorLines } from '../report/reporter.js';
import { fairShare } from './fair-share.js';
import { type Lines, openLines } from './lines.js';
import { openRankScreen } from './rank-terminal.js';

/** The ranks of an MPI job as the job pool of a simulation. */
export interface RankPool {
  readonly pool: JobPool;
  /** For people: who trains. */
  readonly note: string;
  /** Ends the workers and the other ranks. */
  close(): Promise<void>;
}

interface RankFlags extends PoolFlags {
  /** Threads of each rank; default: its share of its machine. */
  readonly workers?: number | undefined;
}

/** The job of several ranks that this process belongs to, where an MPI launched it. */
export function launchedWithOthers(): Launched | undefined {
  const launched = launchedAs(process.env);
  return launched !== undefined && launched.size > 1 ? launched : undefined;
}

/** For rank 0. @throws FedloomError `mpi.*`, `compute.host` */
export async function openRankPool(launched: Launched, { workers, ...flags }: RankFlags): Promise<RankPool> {
  const pool = poolOf(flags);
  const lines = await openLines(launched, { transport: 'mpi' });
  const others = Array.from({ length: launched.size - 1 }, (_, at) => at + 1);
  const hosts = await Promise.all(others.map(async (rank) => RemoteHost.open(await lines.dial(lines.addressOf(rank)))));
  const local = workers ?? fairShare(lines.onThisHost);
  const ranksPool = remotePool(hosts, { local, ...(pool && { pool }) });
  const threads = hosts.reduce((sum, { offered }) => sum + offered, local);
  return {
    pool: ranksPool,
    note: `${counted(launched.size, 'rank')} on ${counted(new Set(lines.hostNames).size, 'host')} train: ${counted(threads, pool?.kind === 'processes' ? 'process' : 'thread')}.`,
    close: async () => {
      await ranksPool.close();
      for (const host of hosts) host.close();
      await lines.close(0);
    },
  };
}

/** What a rank above 0 does: gives workers to rank 0 until that needs them no more. @returns the exit code */
export async function workAsRank(launched: Launched, { workers, ...flags }: RankFlags): Promise<number> {
  // The launcher passes Ctrl-C on to all ranks: rank 0 ends its run in order, and then this one.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
  const lines = await openLines(launched, { transport: 'mpi' });
  try {
    await serveOnce(lines, {
      workers: workers ?? fairShare(lines.onThisHost),
      ...whereGiven('pool', poolOf(flags)),
    });
    await lines.close(0);
    return 0;
  } catch (error) {
    const screen = await openRankScreen(launched.rank, lines.host);
    screen.line(errorLines(error, screen.columns, false));
    lines.abort(1);
    return 1;
  }
}

/** Settles when the first connection has closed. */
function serveOnce(lines: Lines, options: Parameters<typeof hostWorkers>[1]): Promise<void> {
  return new Promise((resolve, reject) => {
    const serve = (connection: Connection) => hostWorkers(connection, options).then(resolve, reject);
    Promise.resolve(lines.listen(serve)).catch(reject);
  });
}

/** What simulated clients need on one machine has no meaning on several. @throws FedloomError `usage.run-on-ranks` */
export function refuseOnRanks(launched: Launched | undefined, option: string, why: string): void {
  if (launched === undefined) return;
  const message = `${option} does not go with the ${launched.size} processes that ${launched.by} started: ${why}.`;
  throw new FedloomError('usage.run-on-ranks', message, { option, size: launched.size });
}

/** Trainers run where their clients are, and a simulation's are all in rank 0. @throws FedloomError `usage.trainer-on-ranks` */
export function refuseTrainerOnRanks(launched: Launched | undefined, task: string): void {
  if (launched === undefined) return;
  const { size, by } = launched;
  const message =
    `Task ${task} has training code of its own, which \`run\` calls in one process: of the ${size} that ${by} started, ` +
    'all others would be idle. Start them as `fedloom node --share-ranks`, which deals the clients over them.';
  throw new FedloomError('usage.trainer-on-ranks', message, { task, size });
}
