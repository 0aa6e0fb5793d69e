import type { Output } from './output.js';
import type { RunEnd } from './reason-codes.js';
import type { CoordinatorState } from './schedule.js';
import type { Reason } from './types.js';

type How = 'completed' | 'failed' | 'cancelled';

/** Ends the run, whatever it was doing. What is decided is still told to clients that come back. */
export function finish(state: CoordinatorState, how: How, code: RunEnd, message: string, output: Output): void {
  abort(state, how, { code, message }, output);
}

/** Ends the run for a reason of somebody else's. */
export function abort(state: CoordinatorState, how: How, { code, message }: Reason, output: Output): void {
  for (const timer of state.timers) output.push({ type: 'clearTimer', timer });
  state.timers.clear();
  state.phase = 'finished';
  state.evaluation = null;
  state.folds.length = 0;
  state.unsettled.clear();
  state.trainers.clear();
  output.push({ type: 'finish', reason: how, code, message });
}
