/** Which versions somebody still trains from: the server keeps those and the newest, and forgets the others. */
import { nextVersion, type VersionNumber } from '../../core/brands.js';
import type { Output } from './output.js';
import type { CoordinatorState } from './schedule.js';
import type { ClosedFold } from './state.js';

export function holdVersion({ trainers }: CoordinatorState, base: VersionNumber): void {
  trainers.set(base, (trainers.get(base) ?? 0) + 1);
}

/**
 * Somebody trains no more from a version. Those folds that are closed and not yet written down still say that somebody does, and
 * whoever resumes from what they write asks for it again: it is kept until the last of them is handed to the disk.
 */
export function releaseVersion(state: CoordinatorState, base: VersionNumber, output: Output): void {
  const unwritten = state.folds.findLast((fold) => !isWritten(fold));
  if (unwritten === undefined) release(state, base, output);
  else unwritten.released.push(base);
}

/** The fold is handed to the disk, with all that is needed to go on from there. */
export function releaseHeldBack(state: CoordinatorState, { released }: ClosedFold, output: Output): void {
  for (const base of released.splice(0)) release(state, base, output);
}

function release(state: CoordinatorState, base: VersionNumber, output: Output): void {
  const others = (state.trainers.get(base) ?? 1) - 1;
  if (others > 0) {
    state.trainers.set(base, others);
    return;
  }
  state.trainers.delete(base);
  if (base < state.version) output.push({ type: 'dropVersion', number: base });
}

/** How old a version will be when the open fold is made, if none before it is void. */
export function stalenessOf({ version, folds }: CoordinatorState, base: VersionNumber): number {
  return version + folds.filter((fold) => !isWritten(fold)).length - base;
}

function isWritten({ stage }: ClosedFold): boolean {
  return stage === 'persisting' || stage === 'persisted';
}

/** There is one more version, from which everybody starts from now on. */
export function addVersion(state: CoordinatorState, output: Output): void {
  const before = state.version;
  state.version = nextVersion(before);
  if (!state.trainers.has(before)) output.push({ type: 'dropVersion', number: before });
}
