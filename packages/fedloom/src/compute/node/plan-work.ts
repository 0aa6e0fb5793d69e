/** What a pool's worker does, thread or process: loads a plan once, then trains and evaluates clients one at a time. */

import { onnxRuntimeNode } from '@fedloom/engine/node';
import {
  batchOrder,
  decodePlan,
  FedloomError,
  type NamedTensors,
  PlanRunner,
  type Tensor,
  type TrainingPlan,
  type TrainResult,
} from '@fedloom/engine/run';
import { freeBytes } from '../../core/byte-memory.js';
import { RandomStream } from '../../core/random.js';
import {
  decodeSafetensors,
  encodeSafetensors,
  safetensorsDecoder,
  safetensorsEncoder,
} from '../../core/safetensors.js';
import type { ClientExamples } from '../../data/dataset.js';
import { exampleGatherer } from '../../data/gather.js';
import { wireLimits } from '../../protocol/limits.js';
import { encodeChanges } from '../../update/delta.js';
import { travels } from '../../update/plan-specs.js';
import type { Facts } from '../../update/update.js';
import { type EvaluateReply, sampleCountOf, type TrainReply } from '../job-pool.js';
import { groupJobs, type JobGroup, smallClients } from './job-groups.js';
import {
  type EvaluateWork,
  type FailureReply,
  MARKS,
  type Reply,
  type TrainWork,
  type WorkJob,
  type WorkMessage,
  type WorkReply,
} from './pool-worker.js';

interface Loaded {
  readonly hash: string;
  readonly frozenHash: string | undefined;
  readonly plan: TrainingPlan;
  readonly frozen: NamedTensors;
  readonly runner: PlanRunner;
}

interface Model {
  readonly hash: string;
  readonly parameters: NamedTensors;
  readonly broadcast: NamedTensors;
  /** Those of the parameters whose changes travel back. */
  readonly travelling: NamedTensors;
}

const NOTHING: WorkReply = { replies: [], ms: 0 };

const backend = onnxRuntimeNode();
// A worker's own caches: one plan and one model, since a run has one plan and a round one model.
let loaded: Loaded | undefined;
let last: Promise<unknown> = Promise.resolve();
let model: Model | undefined;
const gather = exampleGatherer();
const decodeModel = safetensorsDecoder();
const encodeUpdate = safetensorsEncoder(wireLimits.chunkHeaderBytes);
/** Of `MARKS`: those at which jobs were asked to stop. */
let marks: Int32Array = new Int32Array(MARKS);

/** @param shared where the parent marks the jobs that it cancels, before any comes */
export function watchMarks(shared: Int32Array<SharedArrayBuffer>): void {
  marks = shared;
}

/** A message that comes while another is at work waits for it: sessions take one job at a time. */
export function work(message: WorkMessage): Promise<WorkReply> {
  const done = last.then(() => doMessage(message));
  last = done.catch(() => {});
  return done;
}

async function doMessage(message: WorkMessage): Promise<WorkReply> {
  switch (message.kind) {
    case 'hello':
      return NOTHING;
    case 'warm':
      // What is wrong with it shows in whatever needs it.
      await backend.warmUp?.().catch(() => {});
      return NOTHING;
    case 'load':
      return load(message).then(
        () => NOTHING,
        (error: unknown) => ({ replies: [failure(error)], ms: 0 }),
      );
    case 'jobs':
      return doJobs(message.jobs);
  }
}

async function load(message: WorkMessage & { readonly kind: 'load' }): Promise<void> {
  const { plan: bytes, planHash, trains, frozen } = message;
  if (loaded?.hash !== planHash || loaded.frozenHash !== frozen?.hash) {
    const plan = decodePlan(bytes.slice());
    const runner = await PlanRunner.create(backend, plan);
    // A copy, as of models: ONNX Runtime refuses tensors over shared memory.
    const tensors: NamedTensors = frozen === undefined ? new Map() : decodeSafetensors(frozen.bytes.slice());
    loaded = { hash: planHash, frozenHash: frozen?.hash, plan, frozen: tensors, runner };
    model = undefined;
  }
  if (trains) await loadTraining(loaded.plan, loaded.runner);
}

async function doJobs(jobs: readonly WorkJob[]): Promise<WorkReply> {
  if (loaded === undefined) throw new Error('jobs came before a plan');
  const { plan, runner } = loaded;
  const groups = groupJobs(jobs, plan.manifest, runner.trainsTogether);
  // Ahead of the clock, so that what a job takes is measured, not what the first one waits for. What cannot be loaded
  // fails again in the job that needs it, as its own.
  await runner.load(groups.map(({ graph }) => graph)).catch(() => {});
  const startedMs = performance.now();
  const replies: Reply[] = [];
  for (const group of groups) replies.push(...(await doGroup(group, plan, runner)));
  return { replies, ms: performance.now() - startedMs };
}

async function loadTraining(plan: TrainingPlan, runner: PlanRunner): Promise<void> {
  const together = runner.trainsTogether && smallClients(plan.manifest);
  if (together) await runner.load(['trainEach']).catch(() => runner.load(['train']));
  else await runner.load(['train']);
}

/** One client's failure is its own: where several fail together, each is tried alone. */
async function doGroup(group: JobGroup, plan: TrainingPlan, runner: PlanRunner): Promise<readonly Reply[]> {
  try {
    switch (group.graph) {
      case 'evaluate':
        return await evaluate(group.jobs, plan, runner);
      case 'trainEach':
        return await trainEach(group.jobs, plan, runner);
      case 'train':
        return [await train(group.jobs[0] as TrainWork, plan, runner)];
    }
  } catch (error) {
    if (group.jobs.length === 1 && group.graph !== 'trainEach') return [failure(error)];
    const graph = group.graph === 'evaluate' ? 'evaluate' : 'train';
    const replies: Reply[] = [];
    for (const job of group.jobs) {
      replies.push(...(await doGroup({ graph, jobs: [job] } as JobGroup, plan, runner)));
    }
    return replies;
  }
}

function failure(error: unknown): FailureReply {
  if (!(error instanceof FedloomError))
    return { failure: { code: 'client.failed', message: String(error), fields: {} } };
  return { failure: { code: error.code, message: error.message, fields: { ...error.fields } } };
}

function isCancelled({ mark }: WorkJob): boolean {
  return Atomics.load(marks, mark % MARKS) === mark;
}

/** ONNX Runtime refuses tensors over shared memory, so a thread keeps its own copy of the round's model. */
function modelOf(task: TrainWork | EvaluateWork, plan: TrainingPlan): Model {
  if (model?.hash !== task.modelHash) {
    const tensors = decodeModel(task.model.slice());
    const { parameters } = plan.manifest;
    const names = new Set(parameters.map(({ name }) => name));
    const travelling = new Set(parameters.filter(travels).map(({ name }) => name));
    const entries = [...tensors];
    model = {
      hash: task.modelHash,
      parameters: new Map([...(loaded?.frozen ?? []), ...entries.filter(([name]) => names.has(name))]),
      travelling: new Map(entries.filter(([name]) => travelling.has(name))),
      broadcast: new Map(entries.filter(([name]) => !names.has(name))),
    };
  }
  return model;
}

async function train(task: TrainWork, plan: TrainingPlan, runner: PlanRunner): Promise<TrainReply> {
  const model = modelOf(task, plan);
  const { parameters, broadcast } = model;
  const state = task.state === undefined ? new Map<string, Tensor>() : decodeSafetensors(task.state);
  const own = privateParameters(plan, state);
  const [initialLoss] = await initialLosses([task], model, runner, own);
  const outcome = await runner.train({
    parameters,
    broadcast,
    state,
    privateParameters: own,
    scalars: task.scalars,
    ...gather(task.examples),
    order: orderOf(task, plan),
    random: RandomStream.of(task.seed, 'layers', task.task, task.client),
    isCancelled: () => isCancelled(task),
  });
  const reply = replyOf(outcome, model, { sampleCount: sampleCountOf(task.examples), ...initialLoss });
  freeTensors([outcome]);
  return reply;
}

/** Clients of one data set, each as if alone. */
async function trainEach(
  tasks: readonly TrainWork[],
  plan: TrainingPlan,
  runner: PlanRunner,
): Promise<readonly TrainReply[]> {
  const [first] = tasks as readonly [TrainWork];
  const sampleCounts = tasks.map((task) => sampleCountOf(task.examples));
  const model = modelOf(first, plan);
  const losses = await initialLosses(tasks, model, runner);
  const outcomes = await runner.trainEach({
    ...model,
    scalars: first.scalars,
    ...gather(joined(tasks)),
    sampleCounts,
    orders: tasks.map((task) => orderOf(task, plan)),
    isCancelled: () => tasks.every(isCancelled),
  });
  const replies = outcomes.map((outcome, at) =>
    replyOf(outcome, model, { sampleCount: sampleCounts[at] as number, ...losses[at] }),
  );
  freeTensors(outcomes);
  return replies;
}

function orderOf({ examples, seed, task, client }: TrainWork, { manifest }: TrainingPlan): Tensor {
  return batchOrder(sampleCountOf(examples), manifest.training, RandomStream.of(seed, 'order', task, client));
}

/** A client's own, as they last committed; before, as all start. */
function privateParameters({ privateStart = new Map() }: TrainingPlan, state: NamedTensors): NamedTensors {
  return new Map([...privateStart].map(([name, start]) => [name, state.get(name) ?? start]));
}

/** The mean loss of each client's training samples before it trains, where the algorithm asks for it. */
async function initialLosses(
  tasks: readonly TrainWork[],
  { parameters }: Model,
  runner: PlanRunner,
  own: NamedTensors = new Map(),
): Promise<readonly Facts[]> {
  if (tasks.every(({ needs }) => !needs.includes('initialLoss'))) return [];
  const counts = tasks.map((task) => sampleCountOf(task.examples));
  const isStopped = () => tasks.every(isCancelled);
  const job = { parameters, privateParameters: own };
  const results = await runner.evaluateEach({ ...job, ...gather(joined(tasks)), isCancelled: isStopped }, counts);
  return results.map(({ sums, sampleCount }) => ({ initialLoss: (sums.loss ?? Number.NaN) / sampleCount }));
}

function replyOf(outcome: TrainResult, base: Model, known: Facts & { readonly sampleCount: number }): TrainReply {
  const { parameters, upload, stepCount, meanLoss } = outcome;
  const state = new Map([...outcome.state, ...outcome.privateParameters]);
  const update = encodeChanges(encodeUpdate, parameters, base.travelling, upload);
  return {
    update,
    ...(state.size > 0 && { state: encodeSafetensors(state) }),
    facts: { ...known, stepCount, meanLoss },
  };
}

/** Gives the memory of trained tensors back, which may be views of one; what was not trained is still the model's. */
function freeTensors(outcomes: readonly TrainResult[]): void {
  const buffers = new Set(
    outcomes.flatMap(({ parameters }) => [...parameters.values()].map(({ data }) => data.buffer)),
  );
  for (const { data } of model?.parameters.values() ?? []) buffers.delete(data.buffer);
  for (const buffer of buffers) freeBytes(new Uint8Array(buffer as ArrayBuffer));
}

/** Clients of one data set, each as if alone. */
function evaluate(
  tasks: readonly EvaluateWork[],
  plan: TrainingPlan,
  runner: PlanRunner,
): Promise<readonly EvaluateReply[]> {
  const [first] = tasks as readonly [EvaluateWork];
  const { parameters } = modelOf(first, plan);
  const state = first.state === undefined ? new Map<string, Tensor>() : decodeSafetensors(first.state);
  return runner.evaluateEach(
    {
      parameters,
      privateParameters: privateParameters(plan, state),
      ...gather(joined(tasks)),
      isCancelled: () => isCancelled(first),
    },
    tasks.map((task) => sampleCountOf(task.examples)),
  );
}

/** The samples of clients of one data set, one client's behind the other's. */
function joined(tasks: readonly WorkJob[]): ClientExamples {
  const { examples } = tasks[0] as WorkJob;
  if (tasks.length === 1) return examples;
  const rows = new Int32Array(tasks.reduce((sum, { examples }) => sum + sampleCountOf(examples), 0));
  let at = 0;
  for (const { examples } of tasks) {
    rows.set(examples.rows as Int32Array, at);
    at += sampleCountOf(examples);
  }
  return { ...examples, rows };
}
