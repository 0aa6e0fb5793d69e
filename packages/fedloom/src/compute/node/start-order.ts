import { availableParallelism } from 'node:os';

/** How many workers start at a time: each takes a core, and so does who starts them. */
export function workersAtOnce(): number {
  return Math.max(1, availableParallelism() - 1);
}
