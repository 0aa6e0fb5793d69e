import { malformed } from './json-checks.js';
import type { GraphPort, GraphSpec, PlanManifest } from './manifest.js';
import { expectedPort, type GraphKind, type PortContext, type PortSide, portContext, portName } from './ports.js';

/**
 * Checks what the fields of a manifest say about each other, for compiled and for received plans alike. After it, every
 * port of every graph has exactly the name, type and shape its source implies, and nothing a run needs is missing.
 *
 * @throws FedloomError `plan.format`.
 */
export function checkManifest(manifest: PlanManifest): void {
  checkNames(manifest);
  checkData(manifest);
  const context = portContext(manifest);
  const { train, evaluate, finish } = manifest.graphs;
  checkPorts(context, 'train', train);
  checkPorts(context, 'evaluate', evaluate);
  if (finish !== undefined) checkPorts(context, 'finish', finish);
  checkTrainGraph(manifest);
  checkEvaluateGraph(manifest);
  checkFinishGraph(manifest);
}

function checkNames({ parameters, metrics, scalars, algorithm }: PlanManifest): void {
  for (const [index, { name, role, dtype, scope }] of parameters.entries()) {
    const path = `manifest.parameters[${index}]`;
    const before = parameters[index - 1]?.name;
    if (before !== undefined && before >= name)
      throw malformed(path, `named after '${before}', in ascending order`, name);
    if (role === 'trained' && dtype !== 'float32')
      throw malformed(`${path}.dtype`, 'float32 for a trained parameter', dtype);
    if (scope === 'private' && dtype !== 'float32')
      throw malformed(`${path}.dtype`, 'float32 for a private parameter', dtype);
  }
  if (metrics[0]?.name !== 'loss') throw malformed('manifest.metrics[0].name', "'loss'", metrics[0]?.name);
  checkUnique(
    'manifest.metrics',
    metrics.map(({ name }) => name),
  );
  for (const kind of ['broadcast', 'state', 'upload'] as const)
    checkUnique(`manifest.algorithm.${kind}`, algorithm[kind]);
  if (!Object.hasOwn(scalars, 'learningRate')) throw malformed('manifest.scalars.learningRate', 'present');
}

function checkData({ data: { x, y } }: PlanManifest): void {
  if (y.classes !== undefined && y.dtype !== 'int32') {
    throw malformed('manifest.data.y', 'int32 where it has classes', y.dtype);
  }
  if (x.scale !== undefined && x.scale === 0) throw malformed('manifest.data.x.scale', 'other than 0', x.scale);
}

function checkPorts(context: PortContext, kind: GraphKind, graph: GraphSpec): void {
  for (const side of ['inputs', 'outputs'] as const) {
    const path = `manifest.graphs.${kind}.${side}`;
    checkUnique(
      path,
      graph[side].map(({ port }) => port),
    );
    for (const [index, port] of graph[side].entries()) {
      const expected = expectedPort(context, kind, side, port);
      if (expected === undefined)
        throw malformed(`${path}[${index}]`, 'a port that this plan can have there', port.port);
      if (portText(expected) !== portText(port))
        throw malformed(`${path}[${index}]`, portText(expected), portText(port));
    }
  }
}

/** Throws unless each of `names` is a port of this side of the graph. */
function requirePorts(kind: GraphKind, side: PortSide, graph: GraphSpec, names: readonly string[]): void {
  const ports = new Set(graph[side].map(({ port }) => port));
  for (const name of names) {
    if (!ports.has(name)) throw malformed(`manifest.graphs.${kind}.${side}`, `a list that has the port ${name}`);
  }
}

function checkTrainGraph({ parameters, random = [], graphs: { train } }: PlanManifest): void {
  const trained = parameters.filter(({ role }) => role !== 'frozen').map(({ name }) => name);
  checkUnique(
    'manifest.random',
    random.map(({ name }) => name),
  );
  const optimizer = (side: PortSide) => train[side].filter(({ source }) => source === 'optimizer');
  requirePorts('train', 'inputs', train, [
    'order',
    ...trained.map((name) => portName('inputs', { source: 'parameter', name })),
  ]);
  requirePorts('train', 'outputs', train, [
    'new/sampleLoss',
    ...trained.map((name) => portName('outputs', { source: 'parameter', name })),
  ]);
  const parametersOut = train.outputs.filter(({ source }) => source === 'parameter').length;
  if (parametersOut !== trained.length) {
    throw malformed('manifest.graphs.train.outputs', 'a list with the trained parameters, the buffers and no others');
  }
  // What goes out of one call comes in to the next.
  requirePorts(
    'train',
    'inputs',
    train,
    optimizer('outputs').map((port) => portName('inputs', port)),
  );
  requirePorts(
    'train',
    'outputs',
    train,
    optimizer('inputs').map((port) => portName('outputs', port)),
  );
}

function checkEvaluateGraph({ metrics, graphs: { evaluate } }: PlanManifest): void {
  requirePorts('evaluate', 'inputs', evaluate, ['order']);
  const values = metrics.map(({ name }) => portName('outputs', { source: 'sampleMetric', name }));
  requirePorts('evaluate', 'outputs', evaluate, values);
}

function checkFinishGraph({ parameters, algorithm, graphs: { finish } }: PlanManifest): void {
  const trained = parameters.filter(({ role }) => role === 'trained');
  const ports = (['state', 'upload'] as const).flatMap((source) =>
    algorithm[source].flatMap((slot) => trained.map(({ name }) => portName('outputs', { source, slot, name }))),
  );
  if (finish !== undefined) requirePorts('finish', 'outputs', finish, ports);
  else if (ports.length > 0)
    throw malformed('manifest.graphs.finish', `present, because the plan promises ${ports[0]}`);
}

function checkUnique(path: string, names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw malformed(path, 'a list without repetitions', name);
    seen.add(name);
  }
}

function portText({ port, dtype, shape }: GraphPort): string {
  return `${port} ${dtype} [${shape.join(', ')}]`;
}
