import { availableParallelism } from 'node:os';

/** Threads of this process, where so many of its kind are on the same machine; one where that is not known. */
export function fairShare(onThisHost = Number.POSITIVE_INFINITY): number {
  return Math.max(1, Math.floor(availableParallelism() / onThisHost));
}
