/** Whole federations in a web page. What tasks are made of comes from `fedloom`, as in Node. */
export type { RoundRecord, RunResult } from '../../core/records.js';
export type { NamedRun, Run } from '../../server/run/run.js';
export type { PageWorker } from '../join-options.js';
export { type PageSimulateOptions, simulate } from './simulate.js';
