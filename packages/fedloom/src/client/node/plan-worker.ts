/** The thread of a plan executor: loads plans once, then trains and evaluates clients one at a time. */

import { onnxRuntimeNode } from '@fedloom/engine/node';
import {
  batchOrder,
  decodePlan,
  FedloomError,
  type NamedTensors,
  PlanRunner,
  type TrainingPlan,
} from '@fedloom/engine/run';
import { move, transferableSymbol, valueSymbol } from 'piscina';
import { freeBytes } from '../../core/free-bytes.js';
import { RandomStream } from '../../core/random.js';
import { decodeSafetensors, encodeSafetensors } from '../../core/safetensors.js';
import { gatherExamples } from '../../data/gather.js';
import {
  type EvaluateReply,
  type EvaluateTask,
  type PlanJob,
  type PlanMessage,
  type Reply,
  sampleCountOf,
  type TrainReply,
  type TrainTask,
} from './plan-task.js';

interface Loaded {
  readonly hash: string;
  readonly plan: TrainingPlan;
  readonly runner: PlanRunner;
}

interface Model {
  readonly hash: string;
  readonly parameters: NamedTensors;
  readonly broadcast: NamedTensors;
}

// A thread's own caches: one plan and one model, since a run has one plan and a round one model.
let loaded: Promise<Loaded> | undefined;
let loadedHash = '';
let last: Promise<unknown> = Promise.resolve();
let model: Model | undefined;

/** A message that comes while another is at work waits for it: sessions take one job at a time. */
export default function work(message: PlanMessage): Promise<unknown> {
  const done = last.then(() => doJobs(message));
  last = done.catch(() => {});
  return done;
}

async function doJobs({ plan: bytes, planHash, jobs }: PlanMessage): Promise<unknown> {
  if (planHash === '') return { replies: [], ms: 0 };
  const { plan, runner } = await load(bytes, planHash);
  const startedMs = performance.now();
  const replies: Reply[] = [];
  for (const job of jobs) replies.push(await attempt(job, plan, runner));
  return transferring({ replies, ms: performance.now() - startedMs });
}

/** One job's failure is its own: the others of the batch go on. */
async function attempt(job: PlanJob, plan: TrainingPlan, runner: PlanRunner): Promise<Reply> {
  try {
    return job.kind === 'train' ? await train(job, plan, runner) : await evaluate(job, plan, runner);
  } catch (error) {
    if (!(error instanceof FedloomError))
      return { failure: { code: 'client.failed', message: String(error), fields: {} } };
    return { failure: { code: error.code, message: error.message, fields: { ...error.fields } } };
  }
}

function load(bytes: Uint8Array, hash: string): Promise<Loaded> {
  if (loaded === undefined || loadedHash !== hash) {
    loadedHash = hash;
    loaded = (async () => {
      const plan = decodePlan(Uint8Array.from(bytes));
      return { hash, plan, runner: await PlanRunner.create(onnxRuntimeNode(), plan) };
    })();
  }
  return loaded;
}

/** ONNX Runtime refuses tensors over shared memory, so a thread keeps its own copy of the round's model. */
function modelOf(task: TrainTask | EvaluateTask, plan: TrainingPlan): Model {
  if (model?.hash !== task.modelHash) {
    const tensors = decodeSafetensors(Uint8Array.from(task.model));
    const names = new Set(plan.manifest.parameters.map((parameter) => parameter.name));
    const entries = [...tensors];
    model = {
      hash: task.modelHash,
      parameters: new Map(entries.filter(([name]) => names.has(name))),
      broadcast: new Map(entries.filter(([name]) => !names.has(name))),
    };
  }
  return model;
}

async function train(task: TrainTask, plan: TrainingPlan, runner: PlanRunner): Promise<TrainReply> {
  const { parameters, broadcast } = modelOf(task, plan);
  const sampleCount = sampleCountOf(task.examples);
  const order = batchOrder(
    sampleCount,
    plan.manifest.training,
    RandomStream.of(task.seed, 'order', task.round, task.client),
  );
  const outcome = await runner.train({
    parameters,
    broadcast,
    ...(task.state && { state: decodeSafetensors(task.state) }),
    scalars: task.scalars,
    ...gatherExamples(task.examples),
    order,
    isCancelled: () => Atomics.load(task.cancel, 0) !== 0,
  });
  const update = encodeSafetensors(new Map([...outcome.parameters, ...outcome.upload]));
  for (const { data } of outcome.parameters.values()) freeBytes(new Uint8Array(data.buffer as ArrayBuffer));
  return {
    update,
    ...(outcome.state.size > 0 && { state: encodeSafetensors(outcome.state) }),
    sampleCount,
    stepCount: outcome.stepCount,
    meanLoss: outcome.meanLoss,
  };
}

async function evaluate(task: EvaluateTask, plan: TrainingPlan, runner: PlanRunner): Promise<EvaluateReply> {
  const { parameters } = modelOf(task, plan);
  return runner.evaluate({
    parameters,
    ...gatherExamples(task.examples),
    isCancelled: () => Atomics.load(task.cancel, 0) !== 0,
  });
}

/** Moves the updates to the main thread instead of copying them. */
function transferring(value: { readonly replies: readonly Reply[]; readonly ms: number }): unknown {
  const buffers = value.replies.flatMap((reply) => {
    if (!('update' in reply)) return [];
    return [reply.update, reply.state].flatMap((bytes) => (bytes === undefined ? [] : [bytes.buffer as ArrayBuffer]));
  });
  return move({
    get [transferableSymbol]() {
      return buffers;
    },
    get [valueSymbol]() {
      return value;
    },
  } as unknown as ArrayBuffer);
}
