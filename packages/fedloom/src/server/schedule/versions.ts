/** Which versions somebody still trains from: the server keeps those and the newest, and forgets the others. */
import { nextVersion, type VersionNumber } from '../../core/brands.js';
import type { Output } from './output.js';
import type { CoordinatorState } from './schedule.js';

export function holdVersion({ trainers }: CoordinatorState, base: VersionNumber): void {
  trainers.set(base, (trainers.get(base) ?? 0) + 1);
}

export function releaseVersion(state: CoordinatorState, base: VersionNumber, output: Output): void {
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
  const unmade = folds.filter(({ stage }) => stage !== 'persisting' && stage !== 'persisted').length;
  return version + unmade - base;
}

/** There is one more version, from which everybody starts from now on. */
export function addVersion(state: CoordinatorState, output: Output): void {
  const before = state.version;
  state.version = nextVersion(before);
  if (!state.trainers.has(before)) output.push({ type: 'dropVersion', number: before });
}
