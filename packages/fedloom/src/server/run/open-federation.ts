import { bytesPerElement, elementCount, FedloomError } from '@fedloom/engine';
import type { FederatedAlgorithm } from '../../algorithms/algorithm.js';
import type { Clock } from '../../core/clock.js';
import type { Emitter } from '../../core/emitter.js';
import { SOFTWARE } from '../../core/version.js';
import { OwnMessages } from '../../protocol/own-messages.js';
import { meanResultAggregator } from '../../task/mean-results.js';
import type { Task } from '../../task/task.js';
import { meanFold } from '../../update/mean-fold.js';
import { chainStages, payloadBytesMax } from '../../update/stages/payload-specs.js';
import type { UpdateSpec } from '../../update/update.js';
import type { UpdateHolders } from '../../update/update-holders.js';
import type { Lobby } from '../lobby/lobby.js';
import { Federation } from './federation.js';
import type { FederationEvents, FederationOptions, UpdateHash } from './federation-options.js';
import type { OwnerBook } from './index-owners.js';
import { checkWatched } from './metric-watch.js';
import type { OpenedJournal } from './open-journal.js';
import { openWorkload } from './open-workload.js';
import { checkPartialSums } from './partial-sums.js';
import type { PlanEvaluator } from './plan-workload.js';
import type { ReplayedRun } from './replayed-run.js';
import { coordinatorOptions, federationStages, newRunId, type RunOptions, type Waits } from './run-options.js';
import type { RunPlatform } from './run-platform.js';
import type { BoundOptions } from './update-bounds.js';
import type { ServerWorkload } from './workload.js';

/** Bytes of updates on their way in, over all connections together. */
const UPDATE_BUDGET_BYTES = 64 << 20;
/** A collection takes as long as some megabytes take to be copied: of larger models, what nobody holds is freed by it, twice a round. */
const LARGE_MODEL_BYTES = 32 << 20;
/** Room for names and shapes around an update's data. */
const UPDATE_HEADER_BYTES = 1 << 20;

export interface OpenFederation {
  readonly federation: Federation;
  /** What the event `prepared` tells, once somebody can listen. */
  readonly prepared: FederationEvents['prepared'][0];
  /** Tells whoever listens by now: what the event `prepared` says, and what is to be warned of. */
  readonly announce: () => void;
  /** Where the run is written down, if it is. */
  readonly journal: OpenedJournal | undefined;
  readonly close: () => Promise<void>;
}

/** What the run's updates pass, and where it is written down. @throws FedloomError where the options do not fit the task */
async function settledOn(
  task: Task,
  options: RunOptions,
  workload: ServerWorkload,
  clock: Clock,
  platform: RunPlatform,
  replayed: ReplayedRun | undefined,
  holders: UpdateHolders | undefined,
) {
  replayed?.check.checkTask(task, workload);
  checkWatched(task, options, meanResultAggregator);
  const chain = chainStages(federationStages(task, options), workload.specs);
  if (holders !== undefined) checkPartialSums(task, chain);
  checkFold(task.algorithm, workload.specs, options, platform);
  const journal =
    options.journal &&
    (await platform.openJournal?.(options.journal, task, workload, {
      ...options,
      clock,
      run: options.run ?? newRunId(task.name),
    }));
  return { chain, journal };
}

/** Compiles the task and opens its federation to the clients that the lobby sends. */
export async function openFederation(
  task: Task,
  options: RunOptions,
  parts: {
    readonly platform: RunPlatform;
    readonly lobby: Lobby;
    readonly events: Emitter<FederationEvents>;
    /** Needed for plan tasks only: a trainer evaluates itself. */
    readonly evaluator: PlanEvaluator | undefined;
    readonly waits: Waits;
    /** Clients are simulated in this process: where it matters who comes first, results are taken by a virtual clock. */
    readonly simulated?: boolean;
    /** The run follows what another has decided. */
    readonly replayed?: ReplayedRun;
    readonly dataDir?: string;
    /** Where it is written down whose clients are whose. */
    readonly owners?: OwnerBook;
    readonly onUpdateHash?: (update: UpdateHash) => void;
    /** With whom updates stay until they are summed. */
    readonly holders?: UpdateHolders;
  },
): Promise<OpenFederation> {
  const {
    platform,
    lobby,
    events,
    evaluator,
    waits,
    simulated = false,
    replayed,
    dataDir,
    owners,
    onUpdateHash,
    holders,
  } = parts;
  const {
    clients,
    clientsPerRound,
    rounds,
    seed = 0,
    initialModel,
    checkpoint,
    farewellMs = waits.farewellMs,
  } = options;
  const { workload, close } = await openWorkload(task, {
    hash: platform.hash,
    seed,
    clients,
    clientsPerRound,
    rounds,
    evaluator,
    ...(initialModel && { initialModel }),
    ...(dataDir && { dataDir }),
  });
  const { chain, journal } = await settledOn(task, options, workload, lobby.clock, platform, replayed, holders).catch(
    async (error: unknown) => {
      await close();
      throw error;
    },
  );
  const updateBytes = payloadBytesMax(chain.wire) + UPDATE_HEADER_BYTES;
  const run = journal?.run ?? options.run ?? newRunId(task.name);
  const closeAll = async () => {
    await close();
    await journal?.close();
  };
  const { overSelect = 1 } = options;
  const isVirtual = simulated && replayed === undefined && (task.algorithm.schedule !== undefined || overSelect > 1);
  // Results that wait for their turn are held: each of those at work may have one.
  const held =
    replayed?.schedule.heldMax ?? (isVirtual ? Math.min(clients, Math.ceil(clientsPerRound * overSelect)) : 0);
  const settings: FederationOptions = {
    run,
    software: SOFTWARE,
    seed,
    workload,
    algorithm: task.algorithm,
    resultAggregator: task.resultAggregator,
    ...(task.kind === 'plan' && { metrics: task.metrics.map((metric) => metric.name) }),
    coordinator: {
      ...coordinatorOptions(options, waits, task.algorithm.schedule),
      // Its void rounds are those of the other run.
      ...(replayed && {
        ...{ schedule: replayed.schedule, voidRoundsMax: Number.MAX_SAFE_INTEGER, quarantineAfter: null },
      }),
      // What they keep is used in their evaluation.
      evaluateAfterSettlement: workload.keepsParameters ?? false,
      ...(journal && { firstAttempt: journal.firstAttempt }),
    },
    ...(journal && { persistence: journal.persistence }),
    ...(journal?.resumed && { resumed: journal.resumed }),
    ...(replayed && { persistence: replayed.check, isDue: replayed.schedule.isDue }),
    ...(isVirtual && {
      virtual: { speed: task.speed, ...(journal?.virtualTime && { time: journal.virtualTime }) },
    }),
    clock: lobby.clock,
    hash: platform.hash,
    budgetBytes: Math.max(UPDATE_BUDGET_BYTES, updateBytes * Math.max(2, held + 1)),
    bodyBytesMax: updateBytes,
    lobby,
    messages: new OwnMessages('server', options),
    events,
    chain,
    watch: options,
    ...(owners && { owners }),
    ...(holders && { holders }),
    ...(onUpdateHash && { updateHashes: { of: platform.hashBeside, told: onUpdateHash } }),
    bounds: {
      given: boundsOf(task, options),
      isRobust: task.algorithm.fold?.kind === 'individual',
      ...(replayed && { replayed }),
      ...(journal && { usual: journal.usual }),
    },
    ...(checkpoint && { checkpoint }),
    ...(updateBytes > LARGE_MODEL_BYTES &&
      platform.garbageCollector && { collectGarbage: platform.garbageCollector() }),
    ...(farewellMs !== undefined && { farewellMs }),
  };
  const federation = await opened(lobby, settings).catch(async (error: unknown) => {
    await closeAll();
    throw error;
  });
  const records = journal?.records ?? [];
  const { descriptor, inference } = workload;
  const prepared = {
    run,
    workload: descriptor,
    parameterCount: workload.parameterCount,
    records,
    ...(inference && { inference }),
  };
  return {
    federation,
    prepared,
    announce: () => {
      events.emit('prepared', prepared);
      if (journal?.warning) events.emit('warning', journal.warning);
      // While the clients train; what goes wrong with the data shows when they are needed.
      workload.heldOutCount?.().then(
        (count) => count === 0 && events.emit('warning', noTestData(task, simulated)),
        () => {},
      );
    },
    journal,
    close: closeAll,
  };
}

/** What is said of a run comes before what is said of its task. */
function boundsOf({ bounds }: Task, { updateNormMax, sampleCountMax }: RunOptions): BoundOptions {
  return {
    ...bounds,
    ...(updateNormMax !== undefined && { updateNormMax }),
    ...(sampleCountMax !== undefined && { sampleCountMax }),
  };
}

function noTestData({ name }: Task, simulated: boolean) {
  const who = simulated
    ? 'nobody evaluates, and no metric is reported'
    : 'only clients with test data of their own evaluate';
  const message = `The data of task "${name}" have no test split: ${who}. Give some samples to it, or a split with a share for tests.`;
  return { code: 'evaluation.no-data', message };
}

/** @throws FedloomError `lobby.run-taken`, `coordinator.options`, `replay.initial-model` */
async function opened(lobby: Lobby, settings: FederationOptions): Promise<Federation> {
  lobby.refuseTaken(settings.run);
  return new Federation(settings);
}

/** @throws FedloomError `fold.too-few`, `fold.memory`: the cohort is not one for the algorithm's fold, or for this machine */
function checkFold(
  { fold = meanFold(), schedule }: FederatedAlgorithm,
  specs: readonly UpdateSpec[],
  options: RunOptions,
  platform: RunPlatform,
): void {
  const updates = schedule?.bufferSize ?? options.clientsPerRound;
  const { memoryBytesMax = platform.memoryBytes } = options;
  fold.checkCohort?.(updates);
  const bytes = fold.memoryBytes(specs, updates);
  if (bytes <= memoryBytesMax) return;
  const each = specs.reduce((sum, { shape, dtype }) => sum + elementCount(shape) * bytesPerElement[dtype], 0);
  const megabytes = (count: number) => `${(count / 2 ** 20).toFixed(1)} MB`;
  throw new FedloomError(
    'fold.memory',
    `The fold ${fold.name} would hold ${megabytes(bytes)}: ${updates} updates of ${megabytes(each)}. ` +
      `The limit is ${megabytes(memoryBytesMax)}. Ask for fewer clients a round, or allow more memory (memoryBytesMax).`,
    { fold: fold.name, bytes, memoryBytesMax, updates },
  );
}
