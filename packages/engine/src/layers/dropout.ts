import { FedloomError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import { defineLayer } from './define.js';
import { show } from './layer-checks.js';
import type { Layer, LayerContext } from './types.js';

/**
 * In training each element is 0 with this probability, and the others are divided by 1 - probability; in evaluation nothing happens
 * (Srivastava et al. 2014, JMLR 15). As torch.nn.Dropout. What is dropped follows from the run's seed, the client and the round.
 */
export function dropout(probability: number): Layer {
  checkProbability('dropout', 'the probability', probability);
  return defineLayer({
    kind: `dropout(${probability})`,
    build: (inputShape) => ({
      outputShape: inputShape,
      parameters: [],
      apply: (g, x, _params, context) => dropped(g, x, probability, context),
    }),
  });
}

/** `x` `[batch, ...]`, in training without the elements that fall out. */
export function dropped(g: Graph, x: Value, probability: number, context: LayerContext): Value {
  if (!context.training || probability === 0) return x;
  const shape = x.shape.slice(1).map(Number);
  const stays = g.cast(g.greaterOrEqual(context.uniform(shape), probability), 'float32');
  return g.mul(x, g.mul(stays, 1 / (1 - probability)));
}

/** @throws FedloomError `layer.option` */
export function checkProbability(layer: string, option: string, probability: number): void {
  if (typeof probability === 'number' && probability >= 0 && probability < 1) return;
  const message = `${layer}: ${option} is ${show(probability)}; it must be at least 0 and below 1.`;
  throw new FedloomError('layer.option', message, { layer, option, value: probability });
}
