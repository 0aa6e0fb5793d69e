import type { VersionNumber } from '../../core/brands.js';
import type { Output } from './output.js';
import type { CoordinatorState } from './schedule.js';
import type { UpdateTag } from './types.js';
import { releaseVersion, stalenessOf } from './versions.js';

/** Takes an update into a fold, by default the open one. Its client is asked nothing before it is settled. */
export function takeUpdate(
  state: CoordinatorState,
  tag: UpdateTag,
  base: VersionNumber,
  output: Output,
  round = state.round,
): void {
  const { session, client, task, attempt } = tag;
  state.unsettled.add(client);
  state.overdue.delete(client);
  output.push({ type: 'fold', session, client, task, attempt, round, base, staleness: stalenessOf(state, base) });
  releaseVersion(state, base, output);
}
