import { startGraceOfAbsent, stopWaiting } from './absence.js';
import { finish } from './finish.js';
import type { Output } from './output.js';
import type { CoordinatorState } from './schedule.js';

/** The first round, or the first after a restart, begins. */
export function startRun(state: CoordinatorState, output: Output): void {
  stopWaiting(state, output);
  state.phase = 'running';
  startGraceOfAbsent(state, output);
  state.options.schedule.start(state, output);
}

/** A run that was taken up has nothing left to do: all of its rounds are decided and recorded. */
export function isOver({ phase, round, options, folds }: CoordinatorState): boolean {
  return phase === 'waiting' && round >= options.rounds && folds.length === 0;
}

export function endRun(state: CoordinatorState, output: Output): void {
  finish(state, 'completed', 'run.completed', `All ${state.options.rounds} rounds are done.`, output);
}
