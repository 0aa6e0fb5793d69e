import type { RunResult } from '../../core/records.js';
import type { Run } from '../../server/run/run.js';
import type { SavedRun } from './json-events.js';

/** Tells how a run goes: to people on a screen, or as records of a log. */
export interface RunReporter {
  /**
   * Says what was started.
   * @param roundsBefore that earlier processes finished, of a run that was taken up
   */
  start(started: { readonly notes?: readonly string[]; readonly url?: string }, roundsBefore: number | undefined): void;
  follow(run: Run): void;
  stopping(): void;
  /** Says how the run went, if there is a result. */
  finish(result: RunResult | undefined, saved: SavedRun, failed: boolean): void;
}
