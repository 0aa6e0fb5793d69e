import { FedloomError, type NamedTensors } from '@fedloom/engine';
import type { FederatedAlgorithm } from '../algorithms/algorithm.js';
import { algorithmNamed } from '../algorithms/registry.js';
import type { ClientIndex } from '../core/brands.js';
import type { Evaluation } from '../core/evaluation.js';
import { checkTensors, type TensorSpec } from '../core/params.js';
import { pathOfClient } from '../core/path-template.js';
import { RandomStream } from '../core/random.js';
import { decodeSafetensors, encodeSafetensors, safetensorsEncoder } from '../core/safetensors.js';
import { wireLimits } from '../protocol/limits.js';
import { refuseUnappliedTerms } from '../task/applied-terms.js';
import { checkTrainer } from '../task/check-trainer.js';
import { toNamedTensors } from '../task/params-like.js';
import type { TrainerTask } from '../task/task.js';
import type { TrainContext, Trainer, TrainerClient, TrainResult } from '../task/trainer.js';
import { encodeChanges } from '../update/delta.js';
import { ownSpecs } from '../update/plan-specs.js';
import { toAbortSignal } from './cancel-signal.js';
import type {
  ClientEvaluation,
  ClientExecutor,
  ClientWorkload,
  EvaluateJob,
  FederationInfo,
  ModelSnapshot,
  TrainJob,
  TrainOutcome,
} from './executor.js';
import { copyTensors, giveTensors, testedEvaluation } from './own-copies.js';
import { type TakeTurn, turnsOf } from './trainer-turns.js';

/** As the process that decides on them tells it. */
export type TrainedRun = Pick<TrainerClient, 'clientsPerRound' | 'rounds'>;

/**
 * Runs the user's own trainer objects: one a client, made when the client first works and kept until the end. Trainers may
 * work in place: what they are given is theirs, what they return is copied at once, and one job runs at a time.
 */
export class TrainerExecutor implements ClientExecutor {
  readonly concurrency: number;
  readonly evaluationGroup = 1;
  readonly #trainers = new Map<ClientIndex, Promise<Trainer>>();
  /** For messages made around the update. */
  readonly #encodeUpdate = safetensorsEncoder(wireLimits.chunkHeaderBytes);
  readonly #takeTurn: TakeTurn;
  #federation: FederationInfo | undefined;
  #algorithm: FederatedAlgorithm;

  constructor(
    private readonly options: {
      readonly task: TrainerTask;
      /** It is for whatever trainer task the server has, and for whatever algorithm: there is no task file. */
      readonly anyTask?: boolean;
      /** Jobs at a time where the task says `concurrent`; one where it does not. */
      readonly concurrency: number;
      readonly dataDir?: string;
      /** What trainers are told of the run. */
      readonly run?: TrainedRun;
      readonly clientId?: (client: ClientIndex) => string;
    },
  ) {
    const { concurrent } = options.task;
    this.concurrency = typeof concurrent === 'number' ? concurrent : concurrent ? options.concurrency : 1;
    this.#takeTurn = turnsOf(options.task);
    this.#algorithm = options.task.algorithm;
  }

  async prepare(workload: ClientWorkload, federation: FederationInfo): Promise<void> {
    const { task, anyTask = false } = this.options;
    if (workload.kind !== 'trainer' || !(anyTask || workload.task === task.name)) {
      const served = workload.kind === 'trainer' ? `the task '${workload.task}'` : 'a compiled training plan';
      throw new FedloomError(
        'client.other-task',
        `The server runs ${served}, this client was started with the trainer task '${task.name}'. Start both with the same task file.`,
        { client: task.name },
      );
    }
    if (anyTask) this.#algorithm = algorithmNamed(federation.algorithm);
    else if (federation.algorithm !== task.algorithm.name) {
      throw new FedloomError(
        'client.other-algorithm',
        `The server runs ${federation.algorithm}, the task file here says ${task.algorithm.name}. Start both with the same task file.`,
        { server: federation.algorithm, client: task.algorithm.name },
      );
    }
    this.#federation = federation;
  }

  train(job: TrainJob): Promise<TrainOutcome> {
    return this.#takeTurn(() => this.#train(job), job.signal);
  }

  async #train(job: TrainJob): Promise<TrainOutcome> {
    const trainer = await this.#trainer(job.client);
    const { globalModel, broadcast } = split(job.model, this.#slots);
    const given = giveTensors(globalModel);
    await trainer.setModelParams(given.tensors);
    const result = await trainer.train(contextOf(job, globalModel, broadcast));
    const owner = `The trainer of client ${job.client}`;
    checkSampleCount(result, owner, job.client);
    // At once: the trainer may go on with these arrays when it is asked for its parameters.
    const uploads = copyTensors(result.uploads ?? new Map());
    const state = result.state && encodeSafetensors(result.state);
    const params = toNamedTensors(given.unread(await trainer.getModelParams()), owner);
    checkTensors(params, specsOf(globalModel), owner);
    const { buffers } = trainer;
    const upload = this.#algorithm.client?.terms?.upload;
    return {
      update: encodeChanges(this.#encodeUpdate, params, globalModel, uploads),
      ...(state && { state }),
      facts: {
        ...result.facts,
        sampleCount: result.sampleCount,
        stepCount: result.stepCount ?? 0,
        ...(result.meanLoss !== undefined && { meanLoss: result.meanLoss }),
      },
      // Stages ask for it, if there are any.
      get specs() {
        return ownSpecs(globalModel, buffers, upload);
      },
    };
  }

  async evaluate(job: EvaluateJob): Promise<readonly ClientEvaluation[]> {
    const evaluations: ClientEvaluation[] = [];
    for (const client of job.clients) {
      evaluations.push(
        await this.#takeTurn(() => this.#test(client, job), job.signal).then(
          (evaluation) => ({ client, evaluation }),
          (error: unknown) => ({ client, error }),
        ),
      );
    }
    return evaluations;
  }

  async #test(client: ClientIndex, { model, round, signal, stateOf }: EvaluateJob): Promise<Evaluation | null> {
    const trainer = await this.#trainer(client);
    const committed = trainer.keepsState ? await stateOf(client) : undefined;
    const state = committed === undefined ? new Map() : giveTensors(decodeSafetensors(committed)).tensors;
    await trainer.setModelParams(giveTensors(split(model, this.#slots).globalModel).tensors);
    const random = RandomStream.of(this.#federation?.seed ?? 0, 'trainer-test', round, client);
    const tested = await trainer.test({ round, signal: toAbortSignal(signal), random, state });
    return tested === null ? null : testedEvaluation(tested, `The trainer of client ${client}`);
  }

  async close(): Promise<void> {
    const trainers = await Promise.allSettled(this.#trainers.values());
    this.#trainers.clear();
    // One that cannot close must keep neither the others nor the run's result.
    await Promise.allSettled(trainers.map(async (made) => made.status === 'fulfilled' && made.value.close?.()));
  }

  get #slots(): readonly string[] {
    return this.#algorithm.client?.terms?.broadcast ?? [];
  }

  #trainer(client: ClientIndex): Promise<Trainer> {
    let trainer = this.#trainers.get(client);
    if (trainer === undefined) {
      const { task, dataDir, clientId, run } = this.options;
      const { clients, seed } = this.#federation as FederationInfo;
      const made = task.trainer({
        index: client,
        clientId: clientId?.(client) ?? `client-${client}`,
        clients,
        ...run,
        seed,
        ...(dataDir && { dataDir: pathOfClient(dataDir, client) }),
      });
      trainer = Promise.resolve(made).then(async (own) => {
        checkTrainer(own, `client ${client}`);
        try {
          refuseUnappliedTerms(this.#algorithm, own, `client ${client}`);
        } catch (error) {
          await own.close?.();
          throw error;
        }
        return own;
      });
      this.#trainers.set(client, trainer);
    }
    return trainer;
  }
}

/** What `train` is given: all of it its own. What few trainers ask for is made when they do: each costs some microseconds. */
function contextOf(job: TrainJob, globalModel: NamedTensors, broadcast: NamedTensors): TrainContext {
  const { task: round, client, seed, signal, scalars, state } = job;
  const made: { random?: RandomStream; globalModel?: NamedTensors; broadcast?: NamedTensors; state?: NamedTensors } =
    {};
  return {
    round,
    scalars: { ...scalars },
    get signal() {
      return toAbortSignal(signal);
    },
    get random() {
      made.random ??= RandomStream.of(seed, 'trainer', round, client);
      return made.random;
    },
    get globalModel() {
      made.globalModel ??= giveTensors(globalModel).tensors;
      return made.globalModel;
    },
    get broadcast() {
      made.broadcast ??= giveTensors(broadcast).tensors;
      return made.broadcast;
    },
    get state() {
      made.state ??= state === undefined ? new Map() : giveTensors(decodeSafetensors(state)).tensors;
      return made.state;
    },
  };
}

function checkSampleCount(result: TrainResult, owner: string, client: ClientIndex): void {
  if (Number.isSafeInteger(result?.sampleCount) && result.sampleCount >= 1) return;
  const given =
    typeof result !== 'object' || result === null
      ? String(result)
      : 'sampleCount' in result
        ? `sampleCount ${result.sampleCount}`
        : `{ ${Object.keys(result).join(', ')} }`;
  throw new FedloomError(
    'trainer.sample-count',
    `${owner} returned ${given} from train: it must return { sampleCount }, the number of its training samples, at least 1.`,
    { client },
  );
}

/** Parameters and the algorithm's tensors, which travel together and are told apart by the algorithm's slots. */
function split(model: ModelSnapshot, slots: readonly string[]): { globalModel: NamedTensors; broadcast: NamedTensors } {
  if (slots.length === 0) return { globalModel: model.tensors, broadcast: new Map() };
  const isBroadcast = ([name]: readonly [string, unknown]) => slots.some((slot) => name.startsWith(`${slot}/`));
  const entries = [...model.tensors];
  return {
    globalModel: new Map(entries.filter((entry) => !isBroadcast(entry))),
    broadcast: new Map(entries.filter(isBroadcast)),
  };
}

function specsOf(tensors: NamedTensors): TensorSpec[] {
  return [...tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape }));
}
