import type { Output } from './output.js';
import type { CoordinatorState } from './schedule.js';

/** Ends the run, whatever it was doing. What is decided is still told to clients that come back. */
export function finish(
  state: CoordinatorState,
  reason: 'completed' | 'failed' | 'cancelled',
  code: string,
  message: string,
  output: Output,
): void {
  for (const timer of state.timers) output.push({ type: 'clearTimer', timer });
  state.timers.clear();
  state.phase = 'finished';
  state.evaluation = null;
  state.folds.length = 0;
  state.unsettled.clear();
  state.trainers.clear();
  output.push({ type: 'finish', reason, code, message });
}
