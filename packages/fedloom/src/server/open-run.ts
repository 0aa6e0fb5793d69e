import { availableParallelism } from 'node:os';
import { planEvaluator } from '../compute/executor-factory.js';
import { checkPool, openPool, type PoolChoice } from '../compute/node/pool-choice.js';
import type { PlanExecutor } from '../compute/plan-executor.js';
import { whole } from '../core/option-problems.js';
import type { RoundRecord, RunResult } from '../core/records.js';
import { checkTask } from '../task/check-task.js';
import type { Task } from '../task/task.js';
import type { Lobby } from './lobby/lobby.js';
import type { UpdateHash } from './run/federation-options.js';
import type { OwnerBook } from './run/index-owners.js';
import { nodePlatform } from './run/node-platform.js';
import { openFederation } from './run/open-federation.js';
import { resultOf } from './run/result-of.js';
import { Run } from './run/run.js';
import { type RunControl, runControl } from './run/run-control.js';
import type { MoreOptions, RunOptions } from './run/run-options.js';

/** A server may run for months: of its rounds so many are kept in memory, for whoever begins to iterate later. */
const ROUNDS_KEPT = 1_000;

/** What a round waits for its cohort when nobody said: a vanished client must not hold up the others for ever. */
const DEADLINE_MS = 120_000;
/** Longer than it takes to dial again when a line has broken. */
const GRACE_MS = 10_000;
/** The same. */
const FAREWELL_MS = 10_000;
/** How often a server that waits for its first clients says whom it misses. */
const NOTICE_EVERY_MS = 30_000;

/** What a run that is served to others needs beside its task. */
export interface ServedRunOptions extends RunOptions {
  /** Threads or processes that evaluate on the server's held-out data. Default: one a core. */
  readonly workers?: number;
  /** What evaluates a plan; results do not depend on it. Default `threads`. */
  readonly pool?: PoolChoice;
  /**
   * Where it is written down whose clients are whose, where clients prove who they are: an index belongs to who took it first.
   * Default: it is forgotten with the process. See `ownersFile`.
   */
  readonly owners?: OwnerBook;
  /**
   * Told of the hash of each update that was folded, for a record of what came: soon after, since it is made beside the run's own work.
   * Default: no hashes are made.
   */
  readonly onUpdateHash?: (update: UpdateHash) => void;
  /** Handed to a task's own trainer. */
  readonly dataDir?: string;
}

export const servedRunOptions: MoreOptions<ServedRunOptions> = {
  workers: whole(1),
  pool: true,
  dataDir: true,
  owners: true,
  onUpdateHash: true,
};

/** A run that is served; it starts when its clients have joined. */
export interface ServedRun extends AsyncIterable<RoundRecord> {
  /** What clients name to take part in it. */
  readonly name: string;
  readonly run: Run;
  readonly result: Promise<RunResult>;
  /** To look at the run and to steer it. */
  readonly control: RunControl;
  /** Cancels the run if it is not over. */
  close(): Promise<void>;
}

/** What whoever opens a run does around it. */
export interface AroundRun {
  /** When its door is open, before it begins. What it rejects with, the opening rejects with. */
  readonly before?: () => Promise<void>;
  /** When it is over, or could not be opened; its result waits for it. */
  readonly after?: () => Promise<void>;
}

/**
 * Opens the federation of a task to the clients that a lobby sends.
 * @param options checked by whoever took them from its caller
 * @throws FedloomError `compute.pool`, `lobby.run-taken`, or what is wrong with the task
 */
export async function openRun(
  task: Task,
  options: ServedRunOptions,
  lobby: Lobby,
  around: AroundRun = {},
): Promise<ServedRun> {
  checkTask(task);
  checkPool(options.pool);
  if (options.run !== undefined) lobby.refuseTaken(options.run);
  const { pool, workers = availableParallelism() } = options;
  const executor = planEvaluator(task, () => openPool(pool, workers));
  // The run begins a turn later, when `opening` is there.
  const run: Run = new Run(
    async (_events, signal) => {
      const { federation, announce, close } = await opening;
      try {
        // One more turn: whoever awaits the run can listen first.
        await new Promise((resolve) => setImmediate(resolve));
        announce();
        federation.open();
        return await resultOf(federation, signal);
      } catch (error) {
        // A listener that threw: the run ends all the same, and its clients hear of it.
        federation.fail(error);
        await federation.result.catch(() => {});
        throw error;
      } finally {
        await Promise.allSettled([close(), around.after?.(), executor?.close()]);
      }
    },
    options.signal,
    ROUNDS_KEPT,
  );
  const opening = open(task, options, lobby, run, executor, around);
  const { prepared, federation: opened } = await opening.catch(async (error: unknown) => {
    await Promise.allSettled([around.after?.(), executor?.close()]);
    throw error;
  });
  return {
    name: prepared.run,
    run,
    result: run.result,
    control: runControl(opened, run, { ...options, run: prepared.run, clock: lobby.clock }),
    close: async () => {
      run.cancel();
      await run.result.catch(() => {});
    },
    [Symbol.asyncIterator]: () => run[Symbol.asyncIterator](),
  };
}

async function open(
  task: Task,
  options: ServedRunOptions,
  lobby: Lobby,
  events: Run,
  executor: PlanExecutor | undefined,
  { before }: AroundRun,
) {
  const { dataDir, owners, onUpdateHash } = options;
  const opened = await openFederation(task, options, {
    platform: nodePlatform,
    lobby,
    events,
    evaluator: executor,
    waits: {
      deadlineMs: DEADLINE_MS,
      graceMs: GRACE_MS,
      noticeEveryMs: NOTICE_EVERY_MS,
      farewellMs: FAREWELL_MS,
    },
    ...(dataDir && { dataDir }),
    ...(owners && { owners }),
    ...(onUpdateHash && { onUpdateHash }),
  });
  try {
    await before?.();
  } catch (error) {
    opened.federation.fail(error);
    await opened.close();
    throw error;
  }
  return opened;
}
