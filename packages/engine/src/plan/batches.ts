import type { Graph } from '../graph/graph.js';
import { exp, log } from '../graph/primitives/unary.js';
import type { Value } from '../graph/value.js';
import type { LossContext } from '../layers/types.js';
import type { DataSpec } from './manifest.js';
import type { PortBuilder } from './port-builder.js';

/** A call's batches. What the weights do not change is made before the loop: a small step's time is its number of nodes. */
export interface Batches {
  /** int64 `[]` */
  readonly stepCount: Value;
  /** float32 `[steps, batch]`: 1 where there is a sample, 0 where there is padding. */
  readonly valid: Value;
  /** Raw targets, `[steps, batch, ...targetShape]`; padding repeats the last sample. */
  readonly y: Value;
  /** The raw samples of one step, `[batch, ...]`, gathered inside the loop: they are too large to lay out twice. */
  x(body: Graph, step: Value): Value;
}

/** @param about says the shape of the targets as losses and metrics take them */
export function gatherBatches(ports: PortBuilder, about: LossContext): Batches {
  const g = ports.graph;
  const order = ports.input({ source: 'order', name: '' });
  const x = ports.input({ source: 'x', name: '' });
  return {
    stepCount: g.dim(order, 0),
    valid: g.cast(g.greaterOrEqual(order, 0), 'float32'),
    y: g.reshape(g.gather(ports.input({ source: 'y', name: '' }), order), [...order.shape, ...about.targetShape]),
    x: (body, step) => body.gather(x, body.gather(order, step)),
  };
}

/**
 * What a loop collects is written into the middle of a stack. There ONNX Runtime's logarithm and exponential may differ in the
 * last bit, since how they go through memory depends on where it begins: a product after them gives them memory of their own.
 */
export function collectable(body: Graph, value: Value, { valid }: Batches, step: Value): Value {
  const { primitive } = value.node;
  return primitive === log || primitive === exp ? body.mul(value, body.gather(valid, step)) : value;
}

/** Raw samples as the model takes them. Integers without a scale (token ids, say) stay as they are; pixels never do. */
export function preprocess(g: Graph, x: Value, spec: DataSpec['x']): Value {
  if (spec.scale === undefined) return spec.dtype === 'uint8' ? g.cast(x, 'float32') : x;
  const cast = g.cast(x, 'float32');
  return spec.scale === 1 ? cast : g.mul(cast, spec.scale);
}
