import {
  accuracy,
  dense,
  frozen,
  initializeParameters,
  relu,
  sequential,
  sgd,
  softmaxCrossEntropy,
} from '@fedloom/engine';
import type { FederatedAlgorithm } from '../algorithms/algorithm.js';
import { fedPer } from '../algorithms/fed-per.js';
import type { CancelSignal } from '../compute/cancel-signal.js';
import type { EvaluateReply, JobPool, PoolPlan, PoolTrainJob, TrainReply } from '../compute/job-pool.js';
import { RandomStream } from '../core/random.js';
import { encodeSafetensors } from '../core/safetensors.js';
import { arrays } from '../data/arrays.js';
import type { ClientExamples } from '../data/dataset.js';
import { gatherExamples } from '../data/gather.js';
import { sharedBytes } from '../data/tensor-sharing.js';
import { compileTask } from '../task/compile-task.js';
import { defineTask } from '../task/define-task.js';
import { namedHash } from './named-hash.js';

/** So long does nobody wait: a training that must be cancelled. */
const ENDLESS_EPOCHS = 200_000;
/** Units of a layer so wide that each client is trained alone. */
const WIDE = 600;

/** Rows of jobs are below it. */
export const commonSamples = 50;
const samples = Array.from({ length: commonSamples }, (_, i) => [(i % 7) / 7, (i % 3) / 3, (i % 5) / 5]);
const data = arrays({ train: { x: samples, y: samples.map((_, i) => (i % 7) % 2) }, classes: 2 });
const never = new AbortController().signal;

/** A plan, its model, and jobs on them. */
export interface Jobs {
  readonly plan: PoolPlan;
  /** Client `client` trains on these rows of the common samples. */
  train(pool: JobPool, client: number, rows: readonly number[], more?: MoreOfJob): Promise<TrainReply>;
  /** The same samples as a data set of its own. */
  trainOwn(pool: JobPool, client: number, rows: readonly number[]): Promise<TrainReply>;
  evaluate(pool: JobPool, rows: readonly number[], more?: MoreOfJob): Promise<EvaluateReply>;
}

export interface MoreOfJob {
  readonly state?: Uint8Array | undefined;
  readonly signal?: CancelSignal;
  readonly seed?: number;
}

export async function plainJobs(): Promise<Jobs> {
  return jobsOf({ name: 'plain' });
}

/** Their plan has a private head. */
export async function personalJobs(): Promise<Jobs> {
  return jobsOf({ name: 'personal', localEpochs: 2, algorithm: fedPer() });
}

/** Their plan has a frozen layer, whose values come with it. @param seed of those */
export async function frozenJobs(seed = 0): Promise<Jobs> {
  return jobsOf({ name: 'frozen', frozenSeed: seed });
}

/** Their training ends by being cancelled alone. */
export async function endlessJobs(): Promise<Jobs> {
  return jobsOf({ name: 'endless', localEpochs: ENDLESS_EPOCHS, width: WIDE });
}

async function jobsOf({
  name,
  localEpochs = 1,
  width = 4,
  algorithm,
  frozenSeed,
}: {
  readonly name: string;
  readonly localEpochs?: number;
  readonly width?: number;
  readonly algorithm?: FederatedAlgorithm;
  readonly frozenSeed?: number;
}): Promise<Jobs> {
  const isFrozen = frozenSeed !== undefined;
  const task = defineTask({
    name,
    data,
    model: sequential([dense(width), relu(), isFrozen ? frozen(dense(width)) : dense(width), relu(), dense(2)]),
    loss: softmaxCrossEntropy(),
    metrics: [accuracy()],
    training: { localEpochs, batchSize: 10, optimizer: sgd({ learningRate: 0.1 }) },
    ...(algorithm && { algorithm }),
  });
  const spec = await task.data.spec();
  const compiled = compileTask(task, spec, 0);
  const { manifest } = compiled;
  const inModels = manifest.parameters.filter(({ scope, role }) => scope === 'shared' && role !== 'frozen');
  const names = new Set(inModels.map((one) => one.name));
  const started = (seed: number) => [...initializeParameters(task.model, spec, RandomStream.of(seed, 'model'))];
  const tensors = new Map(started(0).filter(([parameter]) => names.has(parameter)));
  const still = new Map(started(frozenSeed ?? 0).filter(([parameter]) => !names.has(parameter)));
  const onModel = { modelHash: `model of ${name}`, model: sharedBytes(encodeSafetensors(tensors)) };
  const { x, y } = await task.data.load('train');
  const part = (rows: readonly number[]): ClientExamples => ({ x, y, rows: Int32Array.from(rows) });
  const job = (client: number, examples: ClientExamples, { state, seed = 0 }: MoreOfJob = {}): PoolTrainJob => ({
    client,
    task: client + 1,
    seed,
    needs: ['initialLoss'],
    scalars: manifest.scalars,
    examples,
    ...onModel,
    ...(state && { state }),
  });
  const expectedMs = { train: localEpochs / 1000, evaluate: 0.001 };
  return {
    plan: {
      bytes: sharedBytes(compiled.bytes),
      hash: `plan ${name}`,
      ...(isFrozen && {
        frozen: { hash: namedHash(`frozen ${frozenSeed}`), bytes: sharedBytes(encodeSafetensors(still)) },
      }),
      expectedMs,
      trains: true,
    },
    train: (pool, client, rows, more = {}) => pool.train(job(client, part(rows), more), more.signal ?? never),
    trainOwn: (pool, client, rows) => pool.train(job(client, gatherExamples(part(rows))), never),
    evaluate: (pool, rows, { state, signal = never } = {}) =>
      pool.evaluate({ examples: part(rows), ...onModel, ...(state && { state }) }, signal),
  };
}

/** A reply as what JSON can compare, bytes to the bit. */
export function shown(reply: TrainReply): unknown {
  return { ...reply, update: hexOf(reply.update), state: reply.state && hexOf(reply.state) };
}

function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
