import { basename, dirname, resolve } from 'node:path';
import { fromHere } from './report/summary.js';
import { RUNS_FOLDER } from './run-settings.js';

/** How to go on with a run that was ended, for people. @param path its folder, absolute */
export function resumeHint(path: string): string {
  const run = dirname(path) === resolve(RUNS_FOLDER) ? basename(path) : fromHere(path);
  return `Resume it: npx fedloom resume ${run}`;
}
