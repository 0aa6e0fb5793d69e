import type { Graph } from '../../graph/graph.js';
import type { Value } from '../../graph/value.js';
import type { Rule, Step } from '../entries.js';

function activation(build: (g: Graph, x: Value, step: Step) => Value): Rule {
  return (step) => [build(step.g, step.value(0), step)];
}

function hardSigmoid(g: Graph, x: Value, alpha: number, beta: number): Value {
  return g.minimum(g.maximum(g.add(g.mul(x, alpha), beta), 0), 1);
}

/** log(1 + exp(x)) without an overflow. */
function softplus(g: Graph, x: Value): Value {
  return g.add(g.maximum(x, 0), g.log(g.add(g.exp(g.neg(g.abs(x))), 1)));
}

/** x above 0, and `alpha * (exp(x / width) - 1)` below. */
function exponential(g: Graph, x: Value, alpha: number, width = 1): Value {
  const below = g.minimum(x, 0);
  const power = g.exp(width === 1 ? below : g.div(below, width));
  return g.select(g.greater(x, 0), x, g.mul(g.sub(power, 1), alpha));
}

/** Hendrycks and Gimpel (2016), arXiv 1606.08415: by tanh. */
function approximateGelu(g: Graph, x: Value): Value {
  const cube = g.mul(g.square(x), x);
  const inner = g.mul(g.add(x, g.mul(cube, 0.044715)), Math.sqrt(2 / Math.PI));
  return g.mul(g.mul(x, 0.5), g.add(g.tanh(inner), 1));
}

function leaky(g: Graph, x: Value, slope: Value | number): Value {
  return g.select(g.greater(x, 0), x, g.mul(x, slope));
}

export const activations: Readonly<Record<string, Rule>> = {
  Celu: activation((g, x, step) => exponential(g, x, step.float('alpha', 1), step.float('alpha', 1))),
  Elu: activation((g, x, step) => exponential(g, x, step.float('alpha', 1))),
  Gelu: activation((g, x, step) => (step.text('approximate', 'none') === 'tanh' ? approximateGelu(g, x) : g.gelu(x))),
  HardSigmoid: activation((g, x, step) => hardSigmoid(g, x, step.float('alpha', 0.2), step.float('beta', 0.5))),
  HardSwish: activation((g, x) => g.mul(x, hardSigmoid(g, x, 1 / 6, 0.5))),
  LeakyRelu: activation((g, x, step) => leaky(g, x, step.float('alpha', 0.01))),
  Mish: activation((g, x) => g.mul(x, g.tanh(softplus(g, x)))),
  PRelu: activation((g, x, step) => leaky(g, x, step.value(1))),
  Relu: activation((g, x) => g.relu(x)),
  // Klambauer et al. (2017), arXiv 1706.02515.
  Selu: activation((g, x, step) =>
    g.mul(exponential(g, x, step.float('alpha', 1.6732631921768188)), step.float('gamma', 1.0507010221481323)),
  ),
  Sigmoid: activation((g, x) => g.sigmoid(x)),
  Softplus: activation(softplus),
  Softsign: activation((g, x) => g.div(x, g.add(g.abs(x), 1))),
  Swish: activation((g, x, step) => g.mul(x, g.sigmoid(g.mul(x, step.float('alpha', 1))))),
  Tanh: activation((g, x) => g.tanh(x)),
  ThresholdedRelu: activation((g, x, step) => g.select(g.greater(x, step.float('alpha', 1)), x, 0)),
};
