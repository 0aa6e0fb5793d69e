import { randomBytes } from 'node:crypto';
import { totalmem } from 'node:os';
import { bytesPerElement, elementCount, FedloomError, type NamedTensors } from '@fedloom/engine';
import { systemClock } from '../../core/clock.js';
import { sha256 } from '../../core/node/sha256.js';
import { SOFTWARE } from '../../core/version.js';
import { ByteBudget } from '../../protocol/byte-budget.js';
import { defaultLimits } from '../../protocol/limits.js';
import { OwnMessages } from '../../protocol/own-messages.js';
import type { Task } from '../../task/task.js';
import type { Fold } from '../../update/fold-contract.js';
import { meanFold } from '../../update/mean-fold.js';
import { chainStages, payloadBytesMax } from '../../update/stages/payload-specs.js';
import type { UpdateSpec } from '../../update/update.js';
import { Federation } from './federation.js';
import type { FederationEvents } from './federation-options.js';
import { openWorkload } from './open-workload.js';
import type { PlanEvaluator } from './plan-workload.js';
import type { Run } from './run.js';
import { coordinatorOptions, federationStages, newRunId, type RunOptions } from './run-options.js';

/** Bytes of updates on their way in, over all connections together. */
const UPDATE_BUDGET_BYTES = 64 << 20;
/** Room for names and shapes around an update's data. */
const UPDATE_HEADER_BYTES = 1 << 20;

export interface OpenFederation {
  readonly federation: Federation;
  /** What the event `prepared` tells, once somebody can listen. */
  readonly prepared: FederationEvents['prepared'][0];
  readonly close: () => Promise<void>;
}

/**
 * Compiles the task and opens its federation, ready for connections from any transport.
 * @param deadlineMs what a round waits when the options do not say
 */
export async function openFederation(
  task: Task,
  options: RunOptions,
  parts: {
    readonly events: Run;
    /** Needed for plan tasks only: a trainer evaluates itself. */
    readonly evaluator: PlanEvaluator | undefined;
    readonly deadlineMs: number | null;
    readonly dataDir?: string;
  },
): Promise<OpenFederation> {
  const { events, evaluator, deadlineMs, dataDir } = parts;
  const { clients, seed = 0, initialModel, checkpoint } = options;
  const { workload, close } = await openWorkload(task, {
    seed,
    clients,
    evaluator,
    ...(initialModel && { initialModel }),
    ...(dataDir && { dataDir }),
  });
  const chain = chainStages(federationStages(task, options), workload.specs);
  checkFold(task.algorithm.fold ?? meanFold(), workload.specs, options);
  const updateBytes = payloadBytesMax(chain.wire) + UPDATE_HEADER_BYTES;
  const run = options.run ?? newRunId(task.name);
  const federation = new Federation({
    run,
    software: SOFTWARE,
    seed,
    workload,
    algorithm: task.algorithm,
    resultAggregator: task.resultAggregator,
    coordinator: coordinatorOptions(options, deadlineMs),
    clock: systemClock,
    hash: sha256,
    budget: new ByteBudget(Math.max(UPDATE_BUDGET_BYTES, 2 * updateBytes)),
    limits: { ...defaultLimits, bodyBytesMax: updateBytes },
    messages: new OwnMessages('server', options),
    nonce: () => randomBytes(16).toString('hex'),
    events,
    chain,
    ...(checkpoint && { checkpoint }),
  });
  const prepared = { run, workload: workload.descriptor, parameterCount: countOf(workload.initialModel) };
  return { federation, prepared, close };
}

/** @throws FedloomError `fold.too-few`, `fold.memory`: the cohort is not one for the algorithm's fold, or for this machine */
function checkFold(fold: Fold, specs: readonly UpdateSpec[], options: RunOptions): void {
  const { clientsPerRound, memoryBytesMax = totalmem() / 2 } = options;
  fold.checkCohort?.(clientsPerRound);
  const bytes = fold.memoryBytes(specs, clientsPerRound);
  if (bytes <= memoryBytesMax) return;
  const each = specs.reduce((sum, { shape, dtype }) => sum + elementCount(shape) * bytesPerElement[dtype], 0);
  const megabytes = (count: number) => `${(count / 2 ** 20).toFixed(1)} MB`;
  throw new FedloomError(
    'fold.memory',
    `The fold ${fold.name} would hold ${megabytes(bytes)}: ${clientsPerRound} updates of ${megabytes(each)}. ` +
      `The limit is ${megabytes(memoryBytesMax)}. Ask for fewer clients a round, or allow more memory (memoryBytesMax).`,
    { fold: fold.name, bytes, memoryBytesMax, updates: clientsPerRound },
  );
}

function countOf(model: NamedTensors): number {
  return [...model.values()].reduce((sum, tensor) => sum + tensor.data.length, 0);
}
