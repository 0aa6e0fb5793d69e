import { FedloomError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import type { BuiltModel, LayerContext, LayerResult } from '../layers/types.js';
import type { Batches } from './batches.js';
import type { PortBuilder } from './port-builder.js';

/** What the layers of one training step are told. Inputs come into being when they are asked for. */
export function trainingContext(ports: PortBuilder, body: Graph, batches: Batches, step: Value): LayerContext {
  return {
    training: true,
    valid: once(() => body.gather(batches.valid, step)),
    uniform: (shape) => body.gather(ports.random(shape), step),
    step: once(() => stepsBefore(ports, body, step)),
  };
}

/** The number of a step of the whole training, over the calls that it is cut into: float32 `[]`. */
export function stepsBefore(ports: PortBuilder, body: Graph, step: Value): Value {
  return body.add(ports.input({ source: 'stepCount', name: '' }), body.cast(step, 'float32'));
}

/** @param valid as `LayerContext.valid` */
export function evaluationContext(valid: () => Value): LayerContext {
  return { training: false, valid: once(valid), uniform: () => absent('uniform'), step: () => absent('step') };
}

/** The model in a graph, with or without buffers. */
export function applyModel(
  model: BuiltModel,
  g: Graph,
  x: Value,
  params: ReadonlyMap<string, Value>,
  context: LayerContext,
): LayerResult {
  const result = g.scope('model', () => model.apply(g, x, params, context));
  return 'output' in result ? result : { output: result, buffers: new Map() };
}

function absent(method: 'uniform' | 'step'): never {
  const message =
    `A layer asked for ${method}() in evaluation, where nothing is drawn and no step is counted: ask context.training ` +
    'first.';
  throw new FedloomError('layer.definition', message, { field: 'apply' });
}

function once(make: () => Value): () => Value {
  let made: Value | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
