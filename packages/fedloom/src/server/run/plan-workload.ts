import { FedloomError, initializeParameters, type NamedTensors, type TrainingPlan } from '@fedloom/engine';
import { trainedParameters } from '../../algorithms/trained.js';
import type { ModelSnapshot } from '../../compute/executor.js';
import type { HashFunction } from '../../core/hash.js';
import { checkTensors } from '../../core/params.js';
import { RandomStream } from '../../core/random.js';
import type { Results } from '../../core/records.js';
import type { Examples } from '../../data/dataset.js';
import { compileTask } from '../../task/compile-task.js';
import type { PlanTask } from '../../task/task.js';
import type { FoldSpec } from '../../update/check-update.js';
import type { ServerWorkload } from './workload.js';

/** Evaluates the plan's metrics on the server's own data. */
export interface PlanEvaluator {
  load(plan: TrainingPlan, hash: string): Promise<void>;
  evaluateExamples(
    model: ModelSnapshot,
    examples: Examples,
    signal: AbortSignal,
  ): Promise<{ readonly results: Results; readonly sampleCount: number }>;
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
  const plan = compileTask(task, spec);
  const planHash = hash(plan.bytes);
  const { manifest } = plan;
  // At once, while the rest is made ready; whoever needs it waits for it and is told if it failed.
  evaluator?.load(plan, planHash).catch(() => {});
  if (manifest.parameters.some((parameter) => parameter.scope === 'private')) {
    throw new FedloomError(
      'plan.private',
      `Task "${task.name}" has private parameters, which this version cannot run.`,
    );
  }
  const initialModel = options.initialModel ?? initializeParameters(task.model, spec, RandomStream.of(seed, 'model'));
  checkTensors(initialModel, manifest.parameters, `The initial model for task "${task.name}"`);
  const trained = trainedParameters(manifest);
  const parameters: FoldSpec[] = manifest.parameters.map(({ name, shape, dtype, fold }) => ({
    name,
    shape,
    dtype,
    fold,
  }));
  const uploads = manifest.algorithm.upload.flatMap((slot) =>
    parameters
      .filter(({ name }) => trained.has(name))
      .map((spec) => ({ ...spec, name: `${slot}/${spec.name}`, fold: 'mean' as const })),
  );
  let heldOut: Promise<Examples> | undefined;
  return {
    descriptor: { kind: 'plan', hash: planHash },
    planBytes: plan.bytes,
    initialModel,
    trained,
    update: [...parameters, ...uploads],
    scalars: manifest.scalars,
    evaluate: async (model, _round, signal) => {
      if (evaluator === undefined) return undefined;
      heldOut ??= task.data.load('test');
      const [examples] = await Promise.all([heldOut, evaluator.load(plan, planHash)]);
      if (examples.y.shape[0] === 0) return undefined;
      return (await evaluator.evaluateExamples(model, examples, signal)).results;
    },
  };
}
