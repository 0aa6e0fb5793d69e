import { type DType, elementCount } from '../tensor.js';
import {
  entries,
  fields,
  finite,
  integer,
  type Json,
  list,
  malformed,
  oneOf,
  overLimit,
  text,
  truth,
} from './json-checks.js';
import type { PlanLimits } from './limits.js';
import type {
  DataSpec,
  GraphPort,
  GraphSpec,
  MetricSpec,
  ParameterSpec,
  PlanManifest,
  RandomSpec,
} from './manifest.js';

const dtypes: readonly DType[] = ['float32', 'float64', 'float16', 'int32', 'int64', 'uint8', 'bool'];
const portSources: readonly GraphPort['source'][] = [
  'parameter',
  'global',
  'broadcast',
  'state',
  'optimizer',
  'upload',
  'scalar',
  'stepCount',
  'random',
  'x',
  'y',
  'order',
  'sampleLoss',
  'sampleMetric',
];
/** Starts like a word, so that no name can be a property that every object has (`__proto__`), a path upwards, or empty. */
const parameterName = /^[A-Za-z0-9][\w.:/-]*$/;
/** Slots, scalars and metrics: no slash, because tensors are named `slot/parameter`. */
const plainName = /^[A-Za-z][\w.-]*$/;

/**
 * Turns JSON that anyone may have written into a manifest: every field of the right type and under its limit. What the
 * fields say about each other is `checkManifest`'s affair.
 *
 * @throws FedloomError `plan.format`, `plan.limit`.
 */
export function parseManifest(value: unknown, limits: PlanLimits): PlanManifest {
  const top = fields(
    { path: 'manifest', value },
    [
      'format',
      'name',
      'parameters',
      'data',
      'training',
      'evaluation',
      'metrics',
      'scalars',
      'algorithm',
      'graphs',
      'sampleFlops',
    ],
    ['random'],
  );
  if (top.format.value !== 1) throw malformed('manifest.format', '1, the format this version reads', top.format.value);
  const training = fields(top.training, ['localEpochs', 'batchSize', 'shuffle']);
  const algorithm = fields(top.algorithm, ['name', 'broadcast', 'state', 'upload']);
  const graphs = fields(top.graphs, ['train', 'evaluate'], ['finish']);
  return {
    format: 1,
    name: text(top.name, limits.nameLengthMax),
    parameters: parseParameters(top.parameters, limits),
    data: parseData(top.data, limits),
    training: {
      localEpochs: integer(training.localEpochs, 1, limits.localEpochsMax),
      batchSize: training.batchSize.value === 'all' ? 'all' : integer(training.batchSize, 1, limits.batchSizeMax),
      shuffle: truth(training.shuffle),
    },
    evaluation: { batchSize: integer(fields(top.evaluation, ['batchSize']).batchSize, 1, limits.batchSizeMax) },
    metrics: list(top.metrics, limits.metricsMax).map((entry) => parseMetric(entry, limits)),
    scalars: parseScalars(top.scalars, limits),
    algorithm: {
      name: text(algorithm.name, limits.nameLengthMax),
      broadcast: parseSlots(algorithm.broadcast, limits),
      state: parseSlots(algorithm.state, limits),
      upload: parseSlots(algorithm.upload, limits),
    },
    ...(top.random === undefined ? {} : { random: parseRandom(top.random, limits) }),
    graphs: {
      train: parseGraph(graphs.train, limits),
      evaluate: parseGraph(graphs.evaluate, limits),
      ...(graphs.finish === undefined ? {} : { finish: parseGraph(graphs.finish, limits) }),
    },
    sampleFlops: parseFlops(top.sampleFlops),
  };
}

function parseMetric(entry: Json, limits: PlanLimits): MetricSpec {
  const metric = fields(entry, ['name', 'rule'], ['size', 'shape']);
  const name = named(metric.name, plainName, limits);
  const rule = oneOf(metric.rule, ['mean']);
  const size = metric.size === undefined ? undefined : integer(metric.size, 1, limits.metricSizeMax);
  if (metric.shape === undefined) return { name, rule, ...(size !== undefined && { size }) };
  const shape = list(metric.shape, limits.rankMax).map((dim) => integer(dim, 1, limits.metricSizeMax));
  if (size === undefined || elementCount(shape) !== size) {
    throw malformed(metric.shape.path, `a shape of ${size ?? 'as many as its size says'} numbers`, metric.shape.value);
  }
  return { name, rule, size, shape };
}

function parseParameters(json: Json, limits: PlanLimits): readonly ParameterSpec[] {
  const parameters = list(json, limits.parametersMax).map((entry) => parseParameter(entry, limits));
  const elements = parameters.reduce((total, { shape }) => total + elementCount(shape), 0);
  if (elements > limits.elementsMax) throw overLimit(json.path, elements, limits.elementsMax, 'elements');
  return parameters;
}

function parseParameter(json: Json, limits: PlanLimits): ParameterSpec {
  const entry = fields(json, ['name', 'shape', 'dtype', 'role', 'scope', 'fold']);
  return {
    name: named(entry.name, parameterName, limits),
    shape: parseShape(entry.shape, limits),
    dtype: oneOf(entry.dtype, dtypes),
    role: oneOf(entry.role, ['trained', 'frozen', 'buffer']),
    scope: oneOf(entry.scope, ['shared', 'private']),
    fold: oneOf(entry.fold, ['mean', 'max', 'keep']),
  };
}

function parseRandom(json: Json, limits: PlanLimits): readonly RandomSpec[] {
  const specs = list(json, limits.parametersMax).map((entry) => {
    const spec = fields(entry, ['name', 'shape']);
    return { name: named(spec.name, plainName, limits), shape: parseShape(spec.shape, limits) };
  });
  const elements = specs.reduce((total, { shape }) => total + elementCount(shape), 0);
  if (elements > limits.elementsMax) throw overLimit(json.path, elements, limits.elementsMax, 'elements');
  return specs;
}

function parseData(json: Json, limits: PlanLimits): DataSpec {
  const data = fields(json, ['x', 'y'], ['encoding']);
  const x = fields(data.x, ['dtype', 'shape'], ['scale']);
  const y = fields(data.y, ['dtype', 'shape'], ['classes']);
  return {
    x: {
      dtype: oneOf(x.dtype, ['uint8', 'float32', 'int32']),
      shape: parseShape(x.shape, limits),
      ...(x.scale === undefined ? {} : { scale: finite(x.scale) }),
    },
    y: {
      dtype: oneOf(y.dtype, ['int32', 'float32']),
      shape: parseShape(y.shape, limits),
      ...(y.classes === undefined ? {} : { classes: integer(y.classes, 1, limits.classesMax) }),
    },
    ...(data.encoding === undefined ? {} : { encoding: text(data.encoding, limits.nameLengthMax) }),
  };
}

function parseGraph(json: Json, limits: PlanLimits): GraphSpec {
  const graph = fields(json, ['inputs', 'outputs']);
  // A parameter has at most two ports and one for each slot on either side.
  const portsMax = limits.parametersMax * 5 + limits.scalarsMax + limits.metricsMax + 8;
  const ports = (side: Json) => list(side, portsMax).map((entry) => parsePort(entry, limits));
  return { inputs: ports(graph.inputs), outputs: ports(graph.outputs) };
}

function parsePort(json: Json, limits: PlanLimits): GraphPort {
  const entry = fields(json, ['port', 'source', 'name', 'dtype', 'shape'], ['slot']);
  return {
    port: text(entry.port, 2 * limits.nameLengthMax),
    source: oneOf(entry.source, portSources),
    name: text(entry.name, limits.nameLengthMax),
    ...(entry.slot === undefined ? {} : { slot: named(entry.slot, plainName, limits) }),
    dtype: oneOf(entry.dtype, dtypes),
    shape: list(entry.shape, limits.rankMax + 1).map((extent) =>
      typeof extent.value === 'string' ? named(extent, plainName, limits) : integer(extent, 1, limits.elementsMax),
    ),
  };
}

function parseShape(json: Json, limits: PlanLimits): readonly number[] {
  const shape = list(json, limits.rankMax).map((extent) => integer(extent, 1, limits.elementsMax));
  const elements = elementCount(shape);
  if (elements > limits.elementsMax) throw overLimit(json.path, elements, limits.elementsMax, 'elements');
  return shape;
}

function parseScalars(json: Json, limits: PlanLimits): Readonly<Record<string, number>> {
  return Object.fromEntries(
    entries(json, limits.scalarsMax).map(([name, value]) => [
      named({ path: json.path, value: name }, plainName, limits),
      finite(value),
    ]),
  );
}

function parseSlots(json: Json, limits: PlanLimits): readonly string[] {
  return list(json, limits.slotsMax).map((slot) => named(slot, plainName, limits));
}

function parseFlops(json: Json): number {
  const flops = finite(json);
  if (flops < 0) throw malformed(json.path, 'at least 0', flops);
  return flops;
}

function named(json: Json, pattern: RegExp, limits: PlanLimits): string {
  const name = text(json, limits.nameLengthMax);
  if (!pattern.test(name))
    throw malformed(json.path, 'a name of letters, digits and . _ - that starts like a word', name);
  return name;
}
