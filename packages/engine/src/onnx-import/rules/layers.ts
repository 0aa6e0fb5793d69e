import type { Value } from '../../graph/value.js';
import { batchNorm } from '../../layers/batch-norm.js';
import { dropped } from '../../layers/dropout.js';
import { elementCount } from '../../tensor.js';
import { alongAxis } from '../along.js';
import { MAY_BE_EMPTY } from '../empty-rows.js';
import { axisOf, extentOf, type Rule, refuseBatch, type Step, Unsupported } from '../entries.js';

const gemm: Rule = (step) => {
  const { g } = step;
  const options = { transposeA: step.integer('transA', 0) === 1, transposeB: step.integer('transB', 0) === 1 };
  const scaled = (value: Value, factor: number) => (factor === 1 ? value : g.mul(value, factor));
  const product = scaled(g.matmul(step.value(0), step.value(1), options), step.float('alpha', 1));
  return [step.has(2) ? g.add(product, scaled(step.value(2), step.float('beta', 1))) : product];
};

/** In training by the batch, in evaluation by the running statistics, whatever the file says of its mode. */
const batchNormalization: Rule = (step) => {
  const { g, context, node, buffers } = step;
  const x = step.value(0);
  const layer = batchNorm({ epsilon: step.float('epsilon', 1e-5), momentum: 1 - step.float('momentum', 0.9) });
  const built = layer.build(x.shape.slice(1).map((_, axis) => extentOf(x, axis + 1)));
  const names = ['weight', 'bias', 'running_mean', 'running_var'];
  const params = new Map(names.map((name, at) => [name, step.value(at + 1)]));
  const result = built.apply(g, x, params, context);
  if (!('output' in result)) return [result];
  for (const [name, value] of result.buffers) {
    const constant = node.inputs[names.indexOf(name) + 1] as string;
    if (buffers.has(constant)) throw new Unsupported('shares its statistics with another');
    buffers.set(constant, value);
  }
  return [result.output];
};

const layerNormalization: Rule = (step) => {
  const { g } = step;
  const x = step.value(0);
  const first = axisOf(step.integer('axis', -1), x.shape.length);
  const axes = x.shape.flatMap((_, axis) => (axis >= first ? [axis] : []));
  refuseBatch(x, axes);
  const scaled = g.mul(g.standardize(x, axes, step.float('epsilon', 1e-5)), step.value(1));
  return [step.has(2) ? g.add(scaled, step.value(2)) : scaled];
};

const instanceNormalization: Rule = (step) => {
  const { g } = step;
  const x = step.value(0);
  const axes = x.shape.flatMap((_, axis) => (axis >= 2 ? [axis] : []));
  const perChannel = (value: Value) => g.reshape(value, [value.shape[0] ?? 1, ...axes.map(() => 1)]);
  const scaled = g.mul(g.standardize(x, axes, step.float('epsilon', 1e-5)), perChannel(step.value(1)));
  return [g.add(scaled, perChannel(step.value(2)))];
};

/** In training it drops again, though files say that they are for prediction. */
const dropout: Rule = (step) => {
  const probability = step.has(1) ? (step.numbers(1)[0] ?? 0.5) : 0.5;
  if (!(probability >= 0 && probability < 1)) throw new Unsupported(`drops with the probability ${probability}`);
  return [dropped(step.g, step.value(0), probability, step.context)];
};

/** Over an axis. */
function along(build: (step: Step, x: Value) => Value): Rule {
  return (step) => [alongAxis(step, step.value(0), step.integer('axis', -1), (x) => build(step, x))];
}

/** Where the file asks whether rows are NaN, those that a mask leaves nothing of are 0, as PyTorch's attention has them. */
function softmax({ g, node }: Step, x: Value): Value {
  if (!node.attributes.has(MAY_BE_EMPTY)) return g.softmax(x);
  const isEmpty = g.equal(g.max(x, [-1], true), Number.NEGATIVE_INFINITY);
  return g.select(isEmpty, 0, g.softmax(g.select(isEmpty, 0, x)));
}

/** By groups of channels, `[N, C, ...]`. */
const groupNormalization: Rule = (step) => {
  const { g } = step;
  const x = step.value(0);
  const [samples = 1, ...rest] = x.shape;
  const groups = step.integer('num_groups', 1);
  const size = rest.reduce<number>((all, _, at) => all * extentOf(x, at + 1), 1) / groups;
  const parts = g.standardize(g.reshape(x, [samples, groups, size]), [2], step.float('epsilon', 1e-5));
  const channels = extentOf(x, 1);
  // Before version 21 of the standard's operators, a number for each group.
  const perChannel = (index: number) => {
    const given = step.value(index);
    const isOfGroups = elementCount(given.shape.map(Number)) === groups && groups !== channels;
    const spread = isOfGroups ? g.expand(g.reshape(given, [groups, 1]), [groups, channels / groups]) : given;
    return g.reshape(spread, [channels, ...rest.slice(1).map(() => 1)]);
  };
  return [g.add(g.mul(g.reshape(parts, x.shape), perChannel(1)), perChannel(2))];
};

/** By the root of the mean square (Zhang and Sennrich 2019, arXiv 1910.07467). */
const rootMeanSquareNormalization: Rule = (step) => {
  const { g } = step;
  const x = step.value(0);
  const first = axisOf(step.integer('axis', -1), x.shape.length);
  const axes = x.shape.flatMap((_, axis) => (axis >= first ? [axis] : []));
  refuseBatch(x, axes);
  const square = g.mean(g.square(x), axes, true);
  return [g.mul(g.div(x, g.sqrt(g.add(square, step.float('epsilon', 1e-5)))), step.value(1))];
};

export const layers: Readonly<Record<string, Rule>> = {
  BatchNormalization: batchNormalization,
  Dropout: dropout,
  Gemm: gemm,
  GroupNormalization: groupNormalization,
  InstanceNormalization: instanceNormalization,
  LayerNormalization: layerNormalization,
  LogSoftmax: along(({ g }, x) => g.logSoftmax(x)),
  MatMul: (step) => [step.g.matmul(step.value(0), step.value(1))],
  RMSNormalization: rootMeanSquareNormalization,
  Softmax: along(softmax),
};
