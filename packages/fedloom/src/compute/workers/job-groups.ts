import type { PlanManifest } from '@fedloom/engine/run';
import { sampleCountOf } from '../job-pool.js';
import type { EvaluateWork, TrainWork, WorkJob } from './pool-worker.js';

/** Jobs that one call does, or few, with the graph that does them: several, but for `train` one. */
export type JobGroup =
  | { readonly graph: 'evaluate'; readonly jobs: readonly EvaluateWork[] }
  | { readonly graph: 'train' | 'trainEach'; readonly jobs: readonly TrainWork[] };

/** Clients evaluated together hold at most so many samples, unless one alone holds more. */
const GROUP_SAMPLES_MAX = 2000;
/** A step's work for a sample below which a call for each client costs more than its arithmetic: a 2NN has 1.2e6. */
const SMALL_SAMPLE_FLOPS = 1e6;

/**
 * Neighbours that can be done together, in their order. What a job computes does not depend on its company.
 * @param trainsTogether the plan allows it
 */
export function groupJobs(jobs: readonly WorkJob[], manifest: PlanManifest, trainsTogether: boolean): JobGroup[] {
  const small = trainsTogether && smallClients(manifest);
  const groups: { graph: JobGroup['graph']; jobs: WorkJob[] }[] = [];
  let samples = 0;
  for (const job of jobs) {
    const last = groups.at(-1);
    const count = sampleCountOf(job.examples);
    const graph = job.kind === 'evaluate' ? 'evaluate' : small ? 'trainEach' : 'train';
    const together =
      graph !== 'train' &&
      last?.graph === graph &&
      alike(last.jobs[0] as WorkJob, job, manifest) &&
      samples + count <= GROUP_SAMPLES_MAX;
    if (together) last.jobs.push(job);
    else groups.push({ graph, jobs: [job] });
    samples = together ? samples + count : count;
  }
  return groups as JobGroup[];
}

/** Whether clients of this plan are so small that they had better train together. */
export function smallClients({ sampleFlops }: PlanManifest): boolean {
  return sampleFlops < SMALL_SAMPLE_FLOPS;
}

function alike(one: WorkJob, other: WorkJob, manifest: PlanManifest): boolean {
  // Those of one caller, or each would have to wait until all are cancelled.
  if (one.kind === 'evaluate') {
    if (one.state !== undefined || other.state !== undefined) return false;
    return onOneModel(one, other) && one.mark === other.mark;
  }
  return (
    other.kind === 'train' &&
    onOneModel(one, other) &&
    one.state === undefined &&
    other.state === undefined &&
    orderShape(one, manifest) === orderShape(other, manifest) &&
    JSON.stringify([one.scalars, one.needs]) === JSON.stringify([other.scalars, other.needs])
  );
}

/** Those of `batchOrder`, within an epoch. */
function orderShape({ examples }: WorkJob, { training: { batchSize } }: PlanManifest): string {
  const count = sampleCountOf(examples);
  const batch = batchSize === 'all' ? count : Math.min(batchSize, count);
  return `${Math.ceil(count / batch)} of ${batch}`;
}

/** One model and parts of one data set. */
function onOneModel(one: WorkJob, other: WorkJob): boolean {
  return (
    one.modelHash === other.modelHash &&
    one.examples.x === other.examples.x &&
    one.examples.y === other.examples.y &&
    one.examples.rows !== undefined &&
    other.examples.rows !== undefined
  );
}
