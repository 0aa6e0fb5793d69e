import { availableParallelism } from 'node:os';
import { FedloomError, isRemoteError } from '@fedloom/engine';
import { diskStateStore } from '../client/node/disk-state-store.js';
import { nodeClientHost } from '../client/node/node-client-host.js';
import type { StateStore } from '../client/state-store.js';
import type { ClientExecutor } from '../compute/executor.js';
import { clientExecutor } from '../compute/executor-factory.js';
import type { JobPool } from '../compute/job-pool.js';
import { checkPool, openPool, type PoolChoice } from '../compute/node/pool-choice.js';
import { partitionedSource } from '../compute/partitioned-source.js';
import { PlanExecutor } from '../compute/plan-executor.js';
import { whole } from '../core/option-problems.js';
import type { RunResult } from '../core/records.js';
import { type MessageOptions, OwnMessages } from '../protocol/own-messages.js';
import type { Lobby } from '../server/lobby/lobby.js';
import { systemLobby } from '../server/lobby/system-lobby.js';
import type { Federation } from '../server/run/federation.js';
import { openFederation } from '../server/run/open-federation.js';
import { holdersOf } from '../server/run/partial-sums.js';
import type { ReplayedRun } from '../server/run/replayed-run.js';
import { resultOf } from '../server/run/result-of.js';
import { type NamedRun, Run } from '../server/run/run.js';
import { checkRunOptions, federationStages, type MoreOptions, type RunOptions } from '../server/run/run-options.js';
import { checkTask } from '../task/check-task.js';
import type { PlanTask, Task } from '../task/task.js';
import { memoryTransport } from '../transport/memory/memory-transport.js';
import { journalStateStore } from './journal-state-store.js';

export interface SimulateOptions extends RunOptions {
  /** Threads or processes that train; results do not depend on it. Default: one a core. */
  readonly workers?: number;
  /** What trains a plan; results do not depend on it. Default `threads`. */
  readonly pool?: PoolChoice;
  /**
   * Updates stay with the workers of other processes, which add up those that count, and one exact sum of each process travels
   * in their place: for a pool with `holders`, such as `remotePool`, whose network is the limit. Results do not depend on it. For
   * rounds of the mean without stages; all else is refused. A process that is lost with updates that counted ends the run, to be
   * resumed. Default false.
   */
  readonly partialSums?: boolean;
  /** Own messages at the clients' side; `messages` and `onPeer` beside it are the server's. */
  readonly clientSide?: MessageOptions;
}

export const simulateOptions: MoreOptions<SimulateOptions> = {
  workers: whole(1),
  pool: true,
  partialSums: [(value) => typeof value === 'boolean', 'true or false'],
  clientSide: true,
};

/**
 * Runs a whole federation in this process: the server and the client core of a real one, over the memory transport.
 *
 * @example for await (const round of simulate(task, { clients: 100, clientsPerRound: 10, rounds: 30 })) console.log(round);
 * @throws FedloomError `task.definition`, `run.options`, `compute.pool` at once; `fold.partial-sums` and everything else through the run's `result`
 */
export function simulate<Name extends string>(task: PlanTask<Name>, options: SimulateOptions): NamedRun<Name | 'loss'>;
export function simulate(task: Task, options: SimulateOptions): Run;
export function simulate(task: Task, options: SimulateOptions): Run {
  checkRunOptions(options, simulateOptions);
  checkTask(task);
  checkPool(options.pool);
  return new Run((events, signal) => runSimulation(task, options, { events, signal }), options.signal);
}

/** @param replayed what the run is to follow */
export async function runSimulation(
  task: Task,
  options: SimulateOptions,
  { events, signal, replayed }: { readonly events: Run; readonly signal: AbortSignal; readonly replayed?: ReplayedRun },
): Promise<RunResult> {
  const workers = options.workers ?? availableParallelism();
  const { clientsPerRound, rounds } = options;
  let opened: JobPool | undefined;
  const pool = () => {
    opened = openPool(options.pool, workers);
    return opened;
  };
  const source = task.kind === 'plan' ? partitionedSource(task) : undefined;
  const executor = clientExecutor(task, { pool, workers, run: { clientsPerRound, rounds }, ...(source && { source }) });
  try {
    const evaluator = executor instanceof PlanExecutor ? executor : undefined;
    const holders = options.partialSums ? holdersOf(opened, task) : undefined;
    const lobby = systemLobby();
    const { federation, announce, journal, close } = await openFederation(task, options, {
      lobby,
      events,
      evaluator,
      waits: { deadlineMs: null },
      simulated: true,
      ...(replayed && { replayed }),
      ...(holders && { holders }),
    });
    try {
      // What cannot be dealt shows before the run has begun.
      await source?.deal(options.clients, options.seed ?? 0);
      announce();
      const states = journal === undefined ? diskStateStore() : journalStateStore(journal.states);
      federation.open();
      return await serveInMemory(lobby, federation, executor, states, task, options, signal);
    } finally {
      await close();
    }
  } finally {
    await executor.close();
  }
}

async function serveInMemory(
  lobby: Lobby,
  federation: Federation,
  executor: ClientExecutor,
  states: StateStore,
  task: Task,
  options: SimulateOptions,
  signal: AbortSignal,
): Promise<RunResult> {
  try {
    const transport = memoryTransport();
    const listener = transport.listen((connection) => lobby.accept(connection));
    const host = nodeClientHost({
      clients: [{ from: 0, count: options.clients }],
      executor,
      states,
      extraStages: federationStages(task, options),
      messages: new OwnMessages('client', options.clientSide),
    });
    const serving = host.serve(await transport.dial(listener.url)).then(
      (ended) => {
        if (ended.kind === 'finished') return;
        const message = `The simulated clients were cut off: ${ended.reason}.`;
        federation.fail(new FedloomError('simulation.lost', message));
      },
      (error: unknown) => federation.fail(asServerSaidIt(error)),
    );
    const result = await resultOf(federation, signal);
    await serving;
    await listener.close();
    return result;
  } finally {
    await states.close();
  }
}

/** Where the server is in this process, nobody cares what it told the clients: that they were refused. */
function asServerSaidIt(error: unknown): unknown {
  return isRemoteError(error) && error.cause instanceof FedloomError ? error.cause : error;
}
