import {
  batchOrder,
  decodePlan,
  FedloomError,
  type GraphBackend,
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

/**
 * What a pool's worker does, thread, process or page: loads a plan once, then trains and evaluates clients one at a time. It keeps one plan
 * and one model, since a run has one plan and a round one model.
 */
export class PlanWork {
  readonly #backend: GraphBackend;
  readonly #gather = exampleGatherer();
  readonly #decodeModel = safetensorsDecoder();
  readonly #encodeUpdate = safetensorsEncoder(wireLimits.chunkHeaderBytes);
  #loaded: Loaded | undefined;
  #model: Model | undefined;
  #last: Promise<unknown> = Promise.resolve();
  /** Of `MARKS`: those at which jobs were asked to stop. */
  #marks: Int32Array = new Int32Array(MARKS);

  constructor(backend: GraphBackend) {
    this.#backend = backend;
  }

  /** @param shared where the parent marks the jobs that it cancels, before any comes */
  watchMarks(shared: Int32Array): void {
    this.#marks = shared;
  }

  /** A message that comes while another is at work waits for it: sessions take one job at a time. */
  work(message: WorkMessage): Promise<WorkReply> {
    const done = this.#last.then(() => this.#do(message));
    this.#last = done.catch(() => {});
    return done;
  }

  /** Frees the sessions of its plan, whose memory lies outside of the heap. Nothing is at work then. */
  async release(): Promise<void> {
    await this.#loaded?.runner.release();
    this.#loaded = undefined;
  }

  async #do(message: WorkMessage): Promise<WorkReply> {
    switch (message.kind) {
      case 'hello':
        return NOTHING;
      case 'warm':
        // What is wrong with it shows in whatever needs it.
        await this.#backend.warmUp?.().catch(() => {});
        return NOTHING;
      case 'load':
        return this.#load(message).then(
          () => NOTHING,
          (error: unknown) => ({ replies: [failure(error)], ms: 0 }),
        );
      case 'jobs':
        return this.#doJobs(message.jobs);
    }
  }

  async #load(message: WorkMessage & { readonly kind: 'load' }): Promise<void> {
    const { plan: bytes, planHash, trains, frozen } = message;
    if (this.#loaded?.hash !== planHash || this.#loaded.frozenHash !== frozen?.hash) {
      const plan = decodePlan(bytes.slice());
      const runner = await PlanRunner.create(this.#backend, plan);
      // A copy, as of models: ONNX Runtime refuses tensors over shared memory.
      const tensors: NamedTensors = frozen === undefined ? new Map() : decodeSafetensors(frozen.bytes.slice());
      this.#loaded = { hash: planHash, frozenHash: frozen?.hash, plan, frozen: tensors, runner };
      this.#model = undefined;
    }
    if (trains) await loadTraining(this.#loaded.plan, this.#loaded.runner);
  }

  async #doJobs(jobs: readonly WorkJob[]): Promise<WorkReply> {
    if (this.#loaded === undefined) throw new Error('jobs came before a plan');
    const { plan, runner } = this.#loaded;
    const groups = groupJobs(jobs, plan.manifest, runner.trainsTogether);
    // Ahead of the clock, so that what a job takes is measured, not what the first one waits for. What cannot be loaded
    // fails again in the job that needs it, as its own.
    await runner.load(groups.map(({ graph }) => graph)).catch(() => {});
    const startedMs = performance.now();
    const replies: Reply[] = [];
    for (const group of groups) replies.push(...(await this.#doGroup(group, plan, runner)));
    return { replies, ms: performance.now() - startedMs };
  }

  /** One client's failure is its own: where several fail together, each is tried alone. */
  async #doGroup(group: JobGroup, plan: TrainingPlan, runner: PlanRunner): Promise<readonly Reply[]> {
    try {
      switch (group.graph) {
        case 'evaluate':
          return await this.#evaluate(group.jobs, plan, runner);
        case 'trainEach':
          return await this.#trainEach(group.jobs, plan, runner);
        case 'train':
          return [await this.#train(group.jobs[0] as TrainWork, plan, runner)];
      }
    } catch (error) {
      if (group.jobs.length === 1 && group.graph !== 'trainEach') return [failure(error)];
      const graph = group.graph === 'evaluate' ? 'evaluate' : 'train';
      const replies: Reply[] = [];
      for (const job of group.jobs) {
        replies.push(...(await this.#doGroup({ graph, jobs: [job] } as JobGroup, plan, runner)));
      }
      return replies;
    }
  }

  #isCancelled({ mark }: WorkJob): boolean {
    return Atomics.load(this.#marks, mark % MARKS) === mark;
  }

  /** ONNX Runtime refuses tensors over shared memory, so a thread keeps its own copy of the round's model. */
  #modelOf(task: TrainWork | EvaluateWork, plan: TrainingPlan): Model {
    let model = this.#model;
    if (model?.hash !== task.modelHash) {
      const tensors = this.#decodeModel(task.model.slice());
      const { parameters } = plan.manifest;
      const names = new Set(parameters.map(({ name }) => name));
      const travelling = new Set(parameters.filter(travels).map(({ name }) => name));
      const entries = [...tensors];
      model = {
        hash: task.modelHash,
        parameters: new Map([...(this.#loaded?.frozen ?? []), ...entries.filter(([name]) => names.has(name))]),
        travelling: new Map(entries.filter(([name]) => travelling.has(name))),
        broadcast: new Map(entries.filter(([name]) => !names.has(name))),
      };
      this.#model = model;
    }
    return model;
  }

  async #train(task: TrainWork, plan: TrainingPlan, runner: PlanRunner): Promise<TrainReply> {
    const model = this.#modelOf(task, plan);
    const { parameters, broadcast } = model;
    const state = task.state === undefined ? new Map<string, Tensor>() : decodeSafetensors(task.state);
    const own = privateParameters(plan, state);
    const [initialLoss] = await this.#initialLosses([task], model, runner, own);
    const outcome = await runner.train({
      parameters,
      broadcast,
      state,
      privateParameters: own,
      scalars: task.scalars,
      ...this.#gather(task.examples),
      order: orderOf(task, plan),
      random: RandomStream.of(task.seed, 'layers', task.task, task.client),
      isCancelled: () => this.#isCancelled(task),
    });
    const reply = this.#replyOf(outcome, model, { sampleCount: sampleCountOf(task.examples), ...initialLoss });
    this.#freeTensors([outcome]);
    return reply;
  }

  /** Clients of one data set, each as if alone. */
  async #trainEach(
    tasks: readonly TrainWork[],
    plan: TrainingPlan,
    runner: PlanRunner,
  ): Promise<readonly TrainReply[]> {
    const [first] = tasks as readonly [TrainWork];
    const sampleCounts = tasks.map((task) => sampleCountOf(task.examples));
    const model = this.#modelOf(first, plan);
    const losses = await this.#initialLosses(tasks, model, runner);
    const outcomes = await runner.trainEach({
      ...model,
      scalars: first.scalars,
      ...this.#gather(joined(tasks)),
      sampleCounts,
      orders: tasks.map((task) => orderOf(task, plan)),
      isCancelled: () => tasks.every((task) => this.#isCancelled(task)),
    });
    const replies = outcomes.map((outcome, at) =>
      this.#replyOf(outcome, model, { sampleCount: sampleCounts[at] as number, ...losses[at] }),
    );
    this.#freeTensors(outcomes);
    return replies;
  }

  /** The mean loss of each client's training samples before it trains, where the algorithm asks for it. */
  async #initialLosses(
    tasks: readonly TrainWork[],
    { parameters }: Model,
    runner: PlanRunner,
    own: NamedTensors = new Map(),
  ): Promise<readonly Facts[]> {
    if (tasks.every(({ needs }) => !needs.includes('initialLoss'))) return [];
    const counts = tasks.map((task) => sampleCountOf(task.examples));
    const isStopped = () => tasks.every((task) => this.#isCancelled(task));
    const job = { parameters, privateParameters: own };
    const results = await runner.evaluateEach(
      { ...job, ...this.#gather(joined(tasks)), isCancelled: isStopped },
      counts,
    );
    return results.map(({ sums, sampleCount }) => ({ initialLoss: (sums.loss ?? Number.NaN) / sampleCount }));
  }

  #replyOf(outcome: TrainResult, base: Model, known: Facts & { readonly sampleCount: number }): TrainReply {
    const { parameters, upload, stepCount, meanLoss } = outcome;
    const state = new Map([...outcome.state, ...outcome.privateParameters]);
    const update = encodeChanges(this.#encodeUpdate, parameters, base.travelling, upload);
    return {
      update,
      ...(state.size > 0 && { state: encodeSafetensors(state) }),
      facts: { ...known, stepCount, meanLoss },
    };
  }

  /** Gives the memory of trained tensors back, which may be views of one; what was not trained is still the model's. */
  #freeTensors(outcomes: readonly TrainResult[]): void {
    const buffers = new Set(
      outcomes.flatMap(({ parameters }) => [...parameters.values()].map(({ data }) => data.buffer)),
    );
    for (const { data } of this.#model?.parameters.values() ?? []) buffers.delete(data.buffer);
    for (const buffer of buffers) freeBytes(new Uint8Array(buffer as ArrayBuffer));
  }

  /** Clients of one data set, each as if alone. */
  #evaluate(tasks: readonly EvaluateWork[], plan: TrainingPlan, runner: PlanRunner): Promise<readonly EvaluateReply[]> {
    const [first] = tasks as readonly [EvaluateWork];
    const { parameters } = this.#modelOf(first, plan);
    const state = first.state === undefined ? new Map<string, Tensor>() : decodeSafetensors(first.state);
    return runner.evaluateEach(
      {
        parameters,
        privateParameters: privateParameters(plan, state),
        ...this.#gather(joined(tasks)),
        isCancelled: () => this.#isCancelled(first),
      },
      tasks.map((task) => sampleCountOf(task.examples)),
    );
  }
}

async function loadTraining(plan: TrainingPlan, runner: PlanRunner): Promise<void> {
  const together = runner.trainsTogether && smallClients(plan.manifest);
  if (together) await runner.load(['trainEach']).catch(() => runner.load(['train']));
  else await runner.load(['train']);
}

function failure(error: unknown): FailureReply {
  if (!(error instanceof FedloomError))
    return { failure: { code: 'client.failed', message: String(error), fields: {} } };
  return { failure: { code: error.code, message: error.message, fields: { ...error.fields } } };
}

function orderOf({ examples, seed, task, client }: TrainWork, { manifest }: TrainingPlan): Tensor {
  return batchOrder(sampleCountOf(examples), manifest.training, RandomStream.of(seed, 'order', task, client));
}

/** A client's own, as they last committed; before, as all start. */
function privateParameters({ privateStart = new Map() }: TrainingPlan, state: NamedTensors): NamedTensors {
  return new Map([...privateStart].map(([name, start]) => [name, state.get(name) ?? start]));
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
