import {
  compileInference,
  type DataSpec,
  initializeParameters,
  type NamedTensors,
  type ParameterSpec,
  type TrainingPlan,
} from '@fedloom/engine';
import { trainedParameters } from '../../algorithms/trained.js';
import type { FrozenParameters, ModelSnapshot } from '../../compute/executor.js';
import type { Hash } from '../../core/brands.js';
import type { Evaluation } from '../../core/evaluation.js';
import { handOver } from '../../core/hand-over.js';
import type { HashFunction } from '../../core/hash.js';
import { checkTensors, countOf } from '../../core/params.js';
import { RandomStream } from '../../core/random.js';
import type { Examples } from '../../data/dataset.js';
import { loadExamples } from '../../data/load-examples.js';
import { sharedBytes } from '../../data/tensor-sharing.js';
import { compileTask } from '../../task/compile-task.js';
import { reportedMetrics } from '../../task/reported-metrics.js';
import type { PlanTask } from '../../task/task.js';
import { isFrozen, updateSpecs } from '../../update/plan-specs.js';
import type { ServerWorkload } from './workload.js';

/** Evaluates the plan's metrics on the server's own data. */
export interface PlanEvaluator {
  load(plan: TrainingPlan, hash: Hash, frozen?: FrozenParameters): Promise<void>;
  evaluateExamples(model: ModelSnapshot, examples: Examples, signal: AbortSignal): Promise<Evaluation>;
}

/**
 * Compiles a task for the server.
 * @throws FedloomError when the data cannot be read, do not fit the model, or `initialModel` is another model's
 */
export async function planWorkload(
  task: PlanTask,
  options: {
    readonly seed: number;
    readonly hash: HashFunction;
    /** Undefined: the server does not evaluate. */
    readonly evaluator: PlanEvaluator | undefined;
    readonly initialModel?: NamedTensors;
  },
): Promise<ServerWorkload> {
  const { seed, hash, evaluator } = options;
  const spec = await task.data.spec();
  const names = await task.data.names?.();
  const plan = compileTask(task, spec, seed);
  const planHash = hash(plan.bytes);
  const { manifest } = plan;
  const frozen = new Set(manifest.parameters.filter(isFrozen).map(({ name }) => name));
  // At once, while the rest is made ready; whoever needs it waits for it and is told if it failed.
  if (frozen.size === 0) evaluator?.load(plan, planHash).catch(() => {});
  const shared = manifest.parameters.filter(({ scope }) => scope === 'shared');
  const initialModel = options.initialModel ?? sharedStart(task, spec, seed, shared);
  checkTensors(initialModel, shared, `The initial model for task "${task.name}"`);
  let loading: Promise<Examples> | undefined;
  const heldOut = () => {
    loading ??= loadExamples(task.data, 'test');
    return loading;
  };
  return {
    descriptor: { kind: 'plan', hash: planHash },
    planBytes: plan.bytes,
    inference: () =>
      compileInference({ name: task.name, model: task.model, data: spec, loss: task.loss, ...(names && { names }) }),
    takeInitialModel: handOver(initialModel),
    parameterCount: countOf(initialModel),
    frozen,
    trained: trainedParameters(manifest),
    specs: updateSpecs(manifest),
    metrics: new Map(manifest.metrics.map(({ name, size }) => [name, size])),
    scalars: manifest.scalars,
    keepsParameters: shared.length < manifest.parameters.length,
    scalarsOf: (round) => {
      const { optimizer } = task.training;
      return optimizer.learningRateOf === undefined ? {} : { learningRate: optimizer.learningRateOf(round) };
    },
    ...(evaluator && { heldOutCount: async () => (await heldOut()).y.shape[0] ?? 0 }),
    reported: reportedMetrics(task.metrics, manifest.metrics),
    evaluate: async (model, _round, signal) => {
      if (evaluator === undefined) return undefined;
      const [examples] = await Promise.all([heldOut(), evaluator.load(plan, planHash, model.frozen)]);
      if (examples.y.shape[0] === 0) return undefined;
      const { hash, tensors, bytes } = model;
      return evaluator.evaluateExamples({ hash, tensors, bytes: sharedBytes(bytes) }, examples, signal);
    },
  };
}

function sharedStart(task: PlanTask, data: DataSpec, seed: number, shared: readonly ParameterSpec[]): NamedTensors {
  const all = initializeParameters(task.model, data, RandomStream.of(seed, 'model'));
  const names = new Set(shared.map(({ name }) => name));
  return new Map([...all].filter(([name]) => names.has(name)));
}
