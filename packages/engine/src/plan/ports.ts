import type { GraphPort, ParameterSpec, PlanManifest, RandomSpec } from './manifest.js';

export type GraphKind = 'train' | 'evaluate' | 'finish';
export type PortSide = 'inputs' | 'outputs';

/** Which kinds of tensor may stand on which side of which graph. */
const placements: Readonly<Record<GraphKind, Readonly<Record<PortSide, readonly GraphPort['source'][]>>>> = {
  train: {
    inputs: [
      'parameter',
      'global',
      'broadcast',
      'state',
      'optimizer',
      'scalar',
      'stepCount',
      'random',
      'x',
      'y',
      'order',
    ],
    outputs: ['parameter', 'optimizer', 'sampleLoss'],
  },
  evaluate: { inputs: ['parameter', 'x', 'y', 'order'], outputs: ['sampleMetric'] },
  finish: {
    inputs: ['parameter', 'global', 'broadcast', 'state', 'scalar', 'stepCount'],
    outputs: ['upload', 'state'],
  },
};

/** The parts of a manifest that decide what its graphs' ports look like. */
export interface PortContext extends Pick<PlanManifest, 'data' | 'metrics' | 'scalars' | 'algorithm'> {
  readonly parameters: ReadonlyMap<string, ParameterSpec>;
  /** Those that were asked for so far, while a plan is compiled. */
  readonly random: readonly RandomSpec[];
}

export function portContext(manifest: Omit<PlanManifest, 'graphs' | 'sampleFlops'>): PortContext {
  const { data, metrics, scalars, algorithm } = manifest;
  return {
    data,
    metrics,
    scalars,
    algorithm,
    parameters: new Map(manifest.parameters.map((spec) => [spec.name, spec])),
    random: manifest.random ?? [],
  };
}

export type PortKey = Pick<GraphPort, 'source' | 'name'> & { readonly slot?: string | undefined };

/** The only names of ports there are: `source/name`, `source/slot/name`, or the source alone, with `new/` before outputs. */
export function portName(side: PortSide, key: PortKey): string {
  const parts = [key.source, ...(key.slot === undefined ? [] : [key.slot]), ...(key.name === '' ? [] : [key.name])];
  return `${side === 'outputs' ? 'new/' : ''}${parts.join('/')}`;
}

/** The port that stands for `key` on this side of this graph, or `undefined` where there can be none. */
export function expectedPort(
  context: PortContext,
  kind: GraphKind,
  side: PortSide,
  key: PortKey,
): GraphPort | undefined {
  if (!placements[kind][side].includes(key.source)) return undefined;
  const type = portType(context, key);
  if (type === undefined) return undefined;
  const { slot, ...rest } = key;
  return { port: portName(side, key), ...rest, ...(slot === undefined ? {} : { slot }), ...type };
}

function portType(context: PortContext, key: PortKey): Pick<GraphPort, 'dtype' | 'shape'> | undefined {
  const { data, metrics, scalars } = context;
  const scalar = { dtype: 'float32', shape: [] } as const;
  const perSample = { dtype: 'float32', shape: ['steps', 'batch'] } as const;
  switch (key.source) {
    case 'parameter':
    case 'global':
      return key.slot === undefined ? typeOf(context.parameters.get(key.name)) : undefined;
    case 'broadcast':
    case 'state':
    case 'upload':
    case 'optimizer':
      return slotType(context, key);
    case 'scalar':
      return key.slot === undefined && Object.hasOwn(scalars, key.name) ? scalar : undefined;
    case 'sampleMetric':
      return key.slot === undefined ? metricType(metrics, key.name) : undefined;
    case 'stepCount':
      return isBare(key) ? scalar : undefined;
    case 'random':
      return key.slot === undefined ? randomType(context.random, key.name) : undefined;
    case 'sampleLoss':
      return isBare(key) ? perSample : undefined;
    case 'x':
    case 'y':
      return isBare(key) ? { dtype: data[key.source].dtype, shape: ['n', ...data[key.source].shape] } : undefined;
    case 'order':
      return isBare(key) ? { dtype: 'int64', shape: ['steps', 'batch'] } : undefined;
  }
}

function metricType(metrics: PlanManifest['metrics'], name: string): Pick<GraphPort, 'dtype' | 'shape'> | undefined {
  const metric = metrics.find((one) => one.name === name);
  if (metric === undefined) return undefined;
  return { dtype: 'float32', shape: ['steps', 'batch', ...(metric.size === undefined ? [] : [metric.size])] };
}

function randomType(random: readonly RandomSpec[], name: string): Pick<GraphPort, 'dtype' | 'shape'> | undefined {
  const spec = random.find((one) => one.name === name);
  return spec && { dtype: 'float32', shape: ['steps', 'batch', ...spec.shape] };
}

function slotType(
  { parameters, algorithm }: PortContext,
  { source, name, slot }: PortKey,
): Pick<GraphPort, 'dtype' | 'shape'> | undefined {
  if (slot === undefined) return undefined;
  if (source !== 'optimizer' && !algorithm[source as 'broadcast' | 'state' | 'upload'].includes(slot)) return undefined;
  const parameter = parameters.get(name);
  return parameter?.role === 'trained' ? typeOf(parameter) : undefined;
}

function typeOf(parameter: ParameterSpec | undefined): Pick<GraphPort, 'dtype' | 'shape'> | undefined {
  return parameter === undefined ? undefined : { dtype: parameter.dtype, shape: parameter.shape };
}

function isBare({ name, slot }: PortKey): boolean {
  return name === '' && slot === undefined;
}
