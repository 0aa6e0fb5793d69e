import { FedloomError, isRemoteError } from '@fedloom/engine';
import type { ClientHost } from '../client/client-host.js';
import { planClientHost } from '../client/plan-client-host.js';
import type { StateStore } from '../client/state-store.js';
import { clientExecutor } from '../compute/executor-factory.js';
import type { JobPool } from '../compute/job-pool.js';
import { partitionedSource } from '../compute/partitioned-source.js';
import { PlanExecutor } from '../compute/plan-executor.js';
import type { RunResult } from '../core/records.js';
import { type MessageOptions, OwnMessages } from '../protocol/own-messages.js';
import type { Lobby } from '../server/lobby/lobby.js';
import { systemLobby } from '../server/lobby/system-lobby.js';
import type { Federation } from '../server/run/federation.js';
import { openFederation } from '../server/run/open-federation.js';
import type { ReplayedRun } from '../server/run/replayed-run.js';
import { resultOf } from '../server/run/result-of.js';
import type { Run } from '../server/run/run.js';
import { federationStages, type RunOptions } from '../server/run/run-options.js';
import type { RunPlatform } from '../server/run/run-platform.js';
import type { Task } from '../task/task.js';
import { memoryTransport } from '../transport/memory/memory-transport.js';
import { journalStateStore } from './journal-state-store.js';

/** Those of every simulation. */
interface SimulationOptions extends RunOptions {
  readonly clientSide?: MessageOptions;
}

/** A run that is to be simulated. */
export interface SimulatedRun {
  readonly events: Run;
  readonly signal: AbortSignal;
  /** What the run is to follow. */
  readonly replayed?: ReplayedRun;
}

/** What a simulation stands on. */
export interface SimulationParts {
  readonly platform: RunPlatform;
  /** What trains plans; trainer objects do not need it. */
  readonly pool: () => JobPool;
  readonly workers: number;
  /** With whom updates stay until they are summed, once the pool is there. Default: nobody. */
  readonly holders?: () => NonNullable<JobPool['holders']>;
  /** Keeps the clients' private state where the run has no journal. */
  readonly states: () => StateStore;
}

/** Runs a whole federation in this process: the server and the client core of a real one, over the memory transport. */
export async function runSimulation(
  task: Task,
  options: SimulationOptions,
  { events, signal, replayed }: SimulatedRun,
  { platform, pool, workers, holders: holdersOf, states: ownStates }: SimulationParts,
): Promise<RunResult> {
  const { clientsPerRound, rounds } = options;
  const source = task.kind === 'plan' ? partitionedSource(task) : undefined;
  const executor = clientExecutor(task, { pool, workers, run: { clientsPerRound, rounds }, ...(source && { source }) });
  try {
    const evaluator = executor instanceof PlanExecutor ? executor : undefined;
    const holders = holdersOf?.();
    const lobby = systemLobby();
    const { federation, announce, journal, close } = await openFederation(task, options, {
      platform,
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
      const states = journal === undefined ? ownStates() : journalStateStore(journal.states);
      federation.open();
      const host = planClientHost({
        hash: platform.hash,
        clients: [{ from: 0, count: options.clients }],
        executor,
        states,
        extraStages: federationStages(task, options),
        messages: new OwnMessages('client', options.clientSide),
      });
      return await serveInMemory(lobby, federation, host, signal).finally(() => states.close());
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
  host: ClientHost,
  signal: AbortSignal,
): Promise<RunResult> {
  const transport = memoryTransport();
  const listener = transport.listen((connection) => lobby.accept(connection));
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
}

/** Where the server is in this process, nobody cares what it told the clients: that they were refused. */
function asServerSaidIt(error: unknown): unknown {
  return isRemoteError(error) && error.cause instanceof FedloomError ? error.cause : error;
}
