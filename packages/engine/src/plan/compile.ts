import { FedloomError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import { show } from '../layers/layer-checks.js';
import type { AnyMetric, BuiltModel, LossContext } from '../layers/types.js';
import { toOnnx } from '../onnx/serialize.js';
import { elementCount } from '../tensor.js';
import { checkManifest } from './check-manifest.js';
import { encodePlan } from './encode.js';
import { buildEvaluateGraph } from './evaluate-graph.js';
import { buildFinishGraph } from './finish-graph.js';
import { estimateSampleFlops } from './flops.js';
import { compareNames } from './initialize.js';
import { defaultPlanLimits } from './limits.js';
import { lossContext } from './loss-context.js';
import type { MetricSpec, ParameterSpec, PlanManifest, TrainingPlan } from './manifest.js';
import { portContext } from './ports.js';
import type { PlanSource } from './source.js';
import { buildTrainGraph } from './train-graph.js';

/** The graphs of a plan before serialisation, for tests and for those who want to look inside. */
export interface PlanGraphs {
  readonly manifest: PlanManifest;
  readonly train: Graph;
  readonly evaluate: Graph;
  readonly finish?: Graph;
}

const defaultEvaluationBatchSize = 256;

/**
 * Compiles a recipe to a portable plan. The same source gives the same bytes.
 *
 * @throws FedloomError `layer.shape`, `graph.shape`, `loss.shape`, `metric.shape`, `plan.terms`, `plan.option`, each naming the part at fault.
 */
export function compilePlan(source: PlanSource): TrainingPlan {
  const { manifest, ...graphs } = buildPlanGraphs(source);
  const { privateStart = new Map() } = source;
  const parts = {
    manifest,
    train: toOnnx(graphs.train, { name: 'train' }),
    evaluate: toOnnx(graphs.evaluate, { name: 'evaluate' }),
    ...(graphs.finish === undefined ? {} : { finish: toOnnx(graphs.finish, { name: 'finish' }) }),
    ...(privateStart.size > 0 && { privateStart }),
  };
  return { ...parts, bytes: encodePlan(parts) };
}

export function buildPlanGraphs(source: PlanSource): PlanGraphs {
  checkSource(source);
  const model = source.model.build(source.data.x.shape);
  const about = lossContext(source.data, model);
  source.loss.check(about);
  for (const metric of source.metrics) metric.check?.(about);
  const base = describe(source, model, about);
  const context = portContext(base);
  const train = buildTrainGraph(source, model, context);
  const evaluate = buildEvaluateGraph(source, model, context);
  const finish = buildFinishGraph(source.terms, context);
  const manifest: PlanManifest = {
    ...base,
    ...(train.drawn.length > 0 && { random: train.drawn }),
    graphs: {
      train: train.spec,
      evaluate: evaluate.spec,
      ...(finish === undefined ? {} : { finish: finish.spec }),
    },
    sampleFlops: estimateSampleFlops(evaluate.graph),
  };
  checkManifest(manifest);
  return {
    manifest,
    train: train.graph,
    evaluate: evaluate.graph,
    ...(finish === undefined ? {} : { finish: finish.graph }),
  };
}

function describe(
  source: PlanSource,
  model: BuiltModel,
  about: LossContext,
): Omit<PlanManifest, 'graphs' | 'sampleFlops'> {
  const { training, terms, privateStart = new Map() } = source;
  return {
    format: 1,
    name: source.name,
    parameters: model.parameters
      .map(
        ({ name, shape, role }): ParameterSpec => ({
          name,
          shape,
          dtype: 'float32',
          role,
          scope: privateStart.has(name) ? 'private' : 'shared',
          fold: role === 'frozen' || privateStart.has(name) ? 'keep' : 'mean',
        }),
      )
      .sort((a, b) => compareNames(a.name, b.name)),
    data: source.data,
    training: {
      localEpochs: training.localEpochs,
      batchSize: training.batchSize,
      shuffle: training.shuffle ?? true,
    },
    evaluation: { batchSize: source.evaluationBatchSize ?? defaultEvaluationBatchSize },
    metrics: [{ name: 'loss', rule: 'mean' }, ...source.metrics.map((metric) => metricSpec(metric, about))],
    scalars: sortedScalars({ ...terms?.scalars, learningRate: training.optimizer.learningRate }),
    algorithm: {
      name: terms?.algorithm ?? 'fedAvg',
      broadcast: terms?.broadcast ?? [],
      state: terms?.state ?? [],
      upload: terms?.upload ?? [],
    },
  };
}

function metricSpec(metric: AnyMetric, about: LossContext): MetricSpec {
  const { name } = metric;
  if ('shape' in metric) return shapedSpec(name, metric.shape(about));
  const size = metric.size?.(about);
  if (size === undefined) return { name, rule: 'mean' };
  const { metricSizeMax } = defaultPlanLimits;
  if (Number.isSafeInteger(size) && size >= 1 && size <= metricSizeMax) return { name, rule: 'mean', size };
  const message = `The metric ${name}: its size is ${size}; it must be a whole number from 1 to ${metricSizeMax}.`;
  throw new FedloomError('metric.definition', message, { field: 'size' });
}

function shapedSpec(name: string, shape: readonly number[]): MetricSpec {
  const { metricSizeMax, rankMax } = defaultPlanLimits;
  const isShape =
    Array.isArray(shape) && shape.length <= rankMax && shape.every((one) => Number.isSafeInteger(one) && one >= 1);
  const size = isShape ? elementCount(shape) : 0;
  if (size >= 1 && size <= metricSizeMax) return { name, rule: 'mean', size, shape: [...shape] };
  const message =
    `The metric ${name}: its shape is ${show(shape)}; it must be a list of at most ${rankMax} whole numbers above 0, of at most ` +
    `${metricSizeMax} numbers in all.`;
  throw new FedloomError('metric.definition', message, { field: 'shape' });
}

function sortedScalars(scalars: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(scalars).sort(([a], [b]) => compareNames(a, b)));
}

function checkSource({ training, evaluationBatchSize, metrics, terms, privateStart }: PlanSource): void {
  if (privateStart !== undefined && privateStart.size > 0 && terms !== undefined) {
    throw new FedloomError(
      'plan.terms',
      `The algorithm ${terms.algorithm} has terms for every trained parameter: it cannot keep some of them private.`,
      { algorithm: terms.algorithm },
    );
  }
  for (const [index, { name }] of metrics.entries()) {
    if (name === 'loss' || metrics.findIndex((metric) => metric.name === name) !== index) {
      throw new FedloomError(
        'plan.option',
        `There are two metrics named '${name}': give each another name ('loss' is always there).`,
        { option: 'metrics', value: name },
      );
    }
  }
  checkCount('training.localEpochs', training.localEpochs);
  if (training.batchSize !== 'all') checkCount('training.batchSize', training.batchSize, " or 'all'");
  if (evaluationBatchSize !== undefined) checkCount('evaluationBatchSize', evaluationBatchSize);
  if (terms !== undefined && Object.hasOwn(terms.scalars, 'learningRate')) {
    throw new FedloomError(
      'plan.terms',
      `The algorithm ${terms.algorithm} declares a scalar 'learningRate', which is the optimiser's: give it another name.`,
      { algorithm: terms.algorithm },
    );
  }
}

function checkCount(option: string, value: number, alternative = ''): void {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new FedloomError('plan.option', `${option} is ${value}: give a whole number of at least 1${alternative}.`, {
      option,
      value,
    });
  }
}
