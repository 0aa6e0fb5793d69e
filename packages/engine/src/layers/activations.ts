import { FedloomError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import { defineLayer } from './define.js';
import { checkLayerOptions, show } from './layer-checks.js';
import type { Layer } from './types.js';

/** Functions of each element by itself. */
function elementwise(kind: string, compute: (g: Graph, x: Value) => Value): Layer {
  return defineLayer({
    kind,
    build: (inputShape) => ({ outputShape: inputShape, parameters: [], apply: (g, x) => compute(g, x) }),
  });
}

export interface LeakyReluOptions {
  /** What values below 0 are multiplied by. Default 0.01. */
  readonly slope?: number;
}

/** x where it is above 0, else slope * x. As torch.nn.LeakyReLU. */
export function leakyRelu(options: LeakyReluOptions = {}): Layer {
  checkLayerOptions('leakyRelu', options, ['slope']);
  const { slope = 0.01 } = options;
  if (typeof slope !== 'number' || !Number.isFinite(slope)) {
    const message = `leakyRelu: slope is ${show(slope)}; give a finite number.`;
    throw new FedloomError('layer.option', message, { layer: 'leakyRelu', option: 'slope', value: slope });
  }
  return elementwise('leakyRelu', (g, x) => g.select(g.greater(x, 0), x, g.mul(x, slope)));
}

/**
 * x Phi(x), Phi the distribution function of the standard normal (Hendrycks and Gimpel 2016, arXiv 1606.08415): exact, as
 * torch.nn.GELU.
 */
export function gelu(): Layer {
  return elementwise('gelu', (g, x) => g.gelu(x));
}

/** x sigmoid(x), also called swish (Ramachandran et al. 2017, arXiv 1710.05941). As torch.nn.SiLU. */
export function silu(): Layer {
  return elementwise('silu', (g, x) => g.mul(x, g.sigmoid(x)));
}

/** log(1 + exp(x)), without an overflow. As torch.nn.Softplus. */
export function softplus(): Layer {
  return elementwise('softplus', (g, x) => g.add(g.relu(x), g.log(g.add(g.exp(g.neg(g.abs(x))), 1))));
}

/** x min(max(x + 3, 0), 6) / 6 (Howard et al. 2019, arXiv 1905.02244). As torch.nn.Hardswish. */
export function hardSwish(): Layer {
  return elementwise('hardSwish', (g, x) => g.mul(x, g.mul(g.minimum(g.relu(g.add(x, 3)), 6), 1 / 6)));
}
