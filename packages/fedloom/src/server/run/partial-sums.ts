import { FedloomError } from '@fedloom/engine';
import type { JobPool } from '../../compute/job-pool.js';
import type { Task } from '../../task/task.js';
import { meanFold } from '../../update/mean-fold.js';
import type { StageChain } from '../../update/stages/payload-specs.js';
import type { UpdateHolders } from '../../update/update-holders.js';

/** @throws FedloomError `fold.partial-sums` where a task's updates must come to the server, each by itself */
export function checkPartialSums(task: Task, chain: StageChain): void {
  const because = reasonAgainst(task, chain);
  if (because !== undefined) throw noPartialSums(task.name, because);
}

/** With whom a task's updates stay. @throws FedloomError `fold.partial-sums` where there is nobody */
export function holdersOf(pool: JobPool | undefined, { name }: Task): UpdateHolders {
  if (pool === undefined) throw noPartialSums(name, 'its trainers train in this process');
  if (pool.holders === undefined) throw noPartialSums(name, 'its pool has no workers of other processes (`holders`)');
  return pool.holders;
}

function noPartialSums(task: string, because: string): FedloomError {
  const message = `The updates of task "${task}" cannot be summed where they are trained: ${because}. Run it without partial sums.`;
  return new FedloomError('fold.partial-sums', message, { task, because });
}

function reasonAgainst({ algorithm: { name, fold = meanFold(), schedule } }: Task, chain: StageChain) {
  if (fold !== meanFold())
    return `the fold ${fold.name} needs each by itself, and only the mean's are summed elsewhere`;
  if (schedule !== undefined) return `${name} trains without rounds, and sums are those of rounds`;
  const [first] = chain.stages;
  if (first !== undefined) return `the stage ${first.stage.name} changes each on its way to the server`;
  return undefined;
}
