/** What runs a compiled plan, without what compiles one: worker threads load it in a third of the time. */
export type { GraphBackend, GraphSession } from './backend.js';
export * from './base.js';
export { type BatchOrderOptions, batchOrder } from './plan/batch-order.js';
export { decodePlan } from './plan/encode.js';
export type { EvaluateJob, EvaluateResult, TrainEachJob, TrainJob, TrainResult } from './plan/jobs.js';
export type { PlanManifest, TrainingPlan } from './plan/manifest.js';
export { PlanRunner, type PlanRunnerOptions } from './plan/runner.js';
