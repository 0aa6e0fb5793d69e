import {
  FedloomError,
  type NamedTensors,
  type PlanManifest,
  PlanMemory,
  type PlanMemoryLimits,
  type TrainingPlan,
} from '@fedloom/engine';
import type { Hash } from '../core/brands.js';
import type { Evaluation, Statistic } from '../core/evaluation.js';
import { checkTensors } from '../core/params.js';
import { decodeSafetensors } from '../core/safetensors.js';
import type { ClientExamples } from '../data/dataset.js';
import { ascending } from '../data/partition.js';
import { sharedBytes } from '../data/tensor-sharing.js';
import { isFrozen, updateSpecs } from '../update/plan-specs.js';
import type { UpdateSpec } from '../update/update.js';
import type { CancelSignal } from './cancel-signal.js';
import type { ClientDataSource } from './data-source.js';
import type {
  ClientEvaluation,
  ClientExecutor,
  ClientWorkload,
  EvaluateJob,
  FederationInfo,
  FrozenParameters,
  ModelSnapshot,
  TrainJob,
  TrainOutcome,
} from './executor.js';
import { type EvaluateReply, type JobPool, sampleCountOf } from './job-pool.js';

/** Samples one worker evaluates at a time: fixed, so that the order of float sums does not depend on the workers. */
const EVALUATION_SLICE = 2000;
/** What a slow processor does in a millisecond. */
const FLOPS_PER_MS = 2e6;
/** Clients of one evaluation job: what a job costs is then little beside the smallest client's work. */
const EVALUATION_GROUP = 64;

/**
 * Trains plans on the workers of a pool, clients spread over them: one single-thread ONNX Runtime session a worker.
 */
export class PlanExecutor implements ClientExecutor {
  readonly evaluationGroup = EVALUATION_GROUP;
  readonly #pool: JobPool;
  readonly #source: ClientDataSource;
  #planHash = '';
  #frozenHash: Hash | undefined;
  #manifest: PlanManifest | undefined;
  #specs: readonly UpdateSpec[] = [];
  #loaded: Promise<void> = Promise.resolve();
  #closed = false;

  readonly #trains: boolean;
  readonly #limits: PlanMemoryLimits | undefined;
  #memory: PlanMemory | undefined;

  /**
   * @param options.pool taken over: `close` closes it
   * @param options.trains whether clients will train: then what trains is loaded with the plan
   * @param options.limits of a plan that comes from elsewhere; default: it is one's own, and may take what it takes
   */
  constructor(options: {
    readonly pool: JobPool;
    readonly source: ClientDataSource;
    readonly trains: boolean;
    readonly limits?: PlanMemoryLimits;
  }) {
    this.#source = options.source;
    this.#pool = options.pool;
    this.#trains = options.trains;
    this.#limits = options.limits;
  }

  get concurrency(): number {
    return this.#pool.appetite;
  }

  async prepare(workload: ClientWorkload, federation: FederationInfo): Promise<void> {
    if (workload.kind !== 'plan') {
      throw new FedloomError(
        'client.needs-task',
        `The server's task '${workload.task}' uses trainer objects: start this client with the task file.`,
        { task: workload.task },
      );
    }
    // Workers load the plan while the data come from the disk; who fails first is told, and the other is not lost.
    const { plan, hash, frozen } = workload;
    checkFrozen(plan.manifest, frozen);
    this.#memory = this.#limits && new PlanMemory(plan, this.#limits);
    // Before anything of it is loaded, for the least that a client can have.
    for (const kind of ['train', 'evaluate', 'finish'] as const) this.#memory?.check(kind, 1);
    const loaded = this.load(plan, hash, frozen);
    loaded.catch(() => {});
    await this.#source.open(plan.manifest, federation);
    await loaded;
  }

  /** Loads a plan on the workers, and waits for the first that has it; once is enough. */
  load(plan: TrainingPlan, hash: Hash, frozen?: FrozenParameters): Promise<void> {
    if (this.#planHash !== hash || this.#frozenHash !== frozen?.hash) {
      this.#planHash = hash;
      this.#frozenHash = frozen?.hash;
      this.#manifest = plan.manifest;
      this.#specs = updateSpecs(plan.manifest);
      this.#loaded = this.#pool.load({
        bytes: sharedBytes(plan.bytes),
        hash,
        expectedMs: expectedMs(plan.manifest),
        trains: this.#trains,
        ...(frozen && { frozen: { hash: frozen.hash, bytes: sharedBytes(frozen.bytes) } }),
      });
    }
    return this.#loaded;
  }

  async train(job: TrainJob): Promise<TrainOutcome> {
    const examples = await this.#source.train(job.client);
    const sampleCount = sampleCountOf(examples);
    if (sampleCount === 0) {
      throw new FedloomError('client.no-samples', `Client ${job.client} holds no training samples.`, {
        client: job.client,
      });
    }
    const { client, task, seed, scalars, needs } = job;
    this.#memory?.check('train', sampleCount);
    if (needs.includes('initialLoss')) this.#memory?.check('evaluate', sampleCount);
    this.#checkWanted(job.signal);
    const reply = await this.#pool.train(
      {
        client,
        task,
        seed,
        scalars,
        needs,
        modelHash: job.model.hash,
        model: job.model.bytes,
        ...(job.state && { state: job.state }),
        examples,
      },
      job.signal,
    );
    return { ...reply, specs: this.#specs };
  }

  async evaluate({ clients, model, stateOf, signal }: EvaluateJob): Promise<readonly ClientEvaluation[]> {
    this.#checkWanted(signal);
    return Promise.all(
      clients.map(async (client): Promise<ClientEvaluation> => {
        try {
          const examples = await this.#source.test(client);
          if (signal.aborted) throw cancelled();
          if (examples === undefined || sampleCountOf(examples) === 0) return { client, evaluation: null };
          const state = this.#hasPrivate ? await stateOf(client) : undefined;
          return { client, evaluation: await this.#evaluateOn(model, examples, signal, state) };
        } catch (error) {
          return { client, error };
        }
      }),
    );
  }

  /** The plan's metrics over `examples`, its slices spread over the workers. */
  async evaluateExamples(model: ModelSnapshot, examples: ClientExamples, signal: AbortSignal): Promise<Evaluation> {
    this.#checkWanted(signal);
    return this.#evaluateOn(model, examples, signal);
  }

  get #hasPrivate(): boolean {
    return this.#manifest?.parameters.some(({ scope }) => scope === 'private') ?? false;
  }

  async #evaluateOn(
    model: ModelSnapshot,
    examples: ClientExamples,
    signal: CancelSignal,
    state?: Uint8Array,
  ): Promise<Evaluation> {
    const { hash: modelHash, bytes } = model;
    this.#memory?.check('evaluate', EVALUATION_SLICE);
    const replies = await Promise.all(
      slices(examples).map((slice) =>
        this.#pool.evaluate({ modelHash, model: bytes, examples: slice, ...(state && { state }) }, signal),
      ),
    );
    const sampleCount = replies.reduce((sum, reply) => sum + reply.sampleCount, 0);
    const statistics: Record<string, Statistic> = {};
    for (const { name, size } of this.#manifest?.metrics ?? []) {
      const sumOf = (part: (reply: EvaluateReply) => number | undefined) =>
        replies.reduce((total, reply) => total + (part(reply) ?? Number.NaN), 0);
      const sum =
        size === undefined
          ? sumOf(({ sums }) => sums[name])
          : Array.from({ length: size }, (_, at) => sumOf(({ lists }) => lists?.[name]?.[at]));
      statistics[name] = { sum, weight: sampleCount };
    }
    return { statistics, sampleCount };
  }

  close(): Promise<void> {
    this.#closed = true;
    return this.#pool.close();
  }

  #checkWanted(signal: CancelSignal): void {
    if (signal.aborted || this.#closed) throw cancelled();
  }
}

/** @throws FedloomError `params.*` unless they are the plan's */
function checkFrozen({ parameters }: PlanManifest, frozen: FrozenParameters | undefined): void {
  const specs = parameters.filter(isFrozen);
  const tensors: NamedTensors = frozen === undefined ? new Map() : decodeSafetensors(frozen.bytes);
  checkTensors(tensors, specs, 'What the server sent of the frozen parameters');
}

function cancelled(): FedloomError {
  return new FedloomError('client.cancelled', 'The work was cancelled before it started.');
}

/** What a job may take for each of its samples: a guess of the right size, until some were measured. */
function expectedMs({ sampleFlops, training }: PlanManifest): { readonly train: number; readonly evaluate: number } {
  // Of a training step's three passes, an evaluation makes one.
  return { train: (sampleFlops * training.localEpochs) / FLOPS_PER_MS, evaluate: sampleFlops / 3 / FLOPS_PER_MS };
}

function slices(examples: ClientExamples): ClientExamples[] {
  const count = sampleCountOf(examples);
  // Without what else is known of the samples, which has no use on a worker.
  if (count <= EVALUATION_SLICE)
    return [{ x: examples.x, y: examples.y, ...(examples.rows && { rows: examples.rows }) }];
  const all = examples.rows ?? ascending(count);
  return Array.from({ length: Math.ceil(count / EVALUATION_SLICE) }, (_, slice) => ({
    x: examples.x,
    y: examples.y,
    rows: all.slice(slice * EVALUATION_SLICE, (slice + 1) * EVALUATION_SLICE),
  }));
}
