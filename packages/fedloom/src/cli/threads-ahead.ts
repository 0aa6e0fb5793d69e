import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { BatchingPool } from '../compute/node/batching-pool.js';

/** With one of these, threads are not needed, or another number of them. */
const NOT_PLAIN = /^(?:-h|--help|--processes|--workers)(?:=|$)/;

/**
 * Worker threads for the run that the arguments ask for: they load their code while this thread loads the rest of the
 * command and the task. Undefined where the arguments ask for none, or not plainly: then they are started when it is known.
 */
export function threadsAhead(args: readonly string[]): BatchingPool | undefined {
  const [command, task] = args;
  if (command !== 'run' || task === undefined || !existsSync(task)) return undefined;
  if (args.some((arg) => NOT_PLAIN.test(arg))) return undefined;
  return new BatchingPool(availableParallelism());
}
