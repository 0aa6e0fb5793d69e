import type { Value } from '../../graph/value.js';
import { batchNorm } from '../../layers/batch-norm.js';
import { dropped } from '../../layers/dropout.js';
import { axisOf, extentOf, type Rule, refuseBatch, type Step, Unsupported } from '../entries.js';

type Pair = readonly [number, number];
type Four = readonly [number, number, number, number];

const conv: Rule = (step) => {
  const [x, weight] = [step.value(0), step.value(1)];
  const [height, width] = spatial(step, weight);
  const dilations = pair(step, 'dilations', 1);
  const strides = pair(step, 'strides', 1);
  const padding = padsOf(step, x, [dilations[0] * (height - 1) + 1, dilations[1] * (width - 1) + 1], strides);
  const groups = step.integer('group', 1);
  const product = step.g.conv2d(x, weight, { strides, padding, dilations, groups });
  return [withBias(step, product, 2)];
};

function withBias(step: Step, product: Value, index: number): Value {
  if (!step.has(index)) return product;
  const bias = step.value(index);
  return step.g.add(product, step.g.reshape(bias, [bias.shape[0] ?? 1, 1, 1]));
}

/** Height and width of a kernel. */
function spatial(step: Step, weight: Value): Pair {
  if (weight.shape.length !== 4) throw new Unsupported('is of other than two dimensions');
  return pair(step, 'kernel_shape', [extentOf(weight, 2), extentOf(weight, 3)]);
}

function pair(step: Step, name: string, missing: number | Pair): Pair {
  const given = step.integers(name);
  if (given === undefined || given.length === 0) return typeof missing === 'number' ? [missing, missing] : missing;
  const [first, second, ...more] = given;
  if (first === undefined || second === undefined || more.length > 0) {
    throw new Unsupported('is of other than two dimensions');
  }
  return [first, second];
}

/** Zeros at the top, left, bottom and right. */
function padsOf(step: Step, x: Value, window: Pair, strides: Pair): Four {
  const automatic = step.text('auto_pad', 'NOTSET');
  if (automatic === 'NOTSET') {
    const pads = step.integers('pads') ?? [];
    if (pads.length === 0) return [0, 0, 0, 0];
    if (pads.length !== 4) throw new Unsupported('is of other than two dimensions');
    return pads as readonly number[] as Four;
  }
  if (automatic === 'VALID') return [0, 0, 0, 0];
  const sides = ([0, 1] as const).map((at): Pair => {
    const input = extentOf(x, at + 2);
    const total = Math.max(0, (Math.ceil(input / strides[at]) - 1) * strides[at] + window[at] - input);
    const less = Math.floor(total / 2);
    return automatic === 'SAME_UPPER' ? [less, total - less] : [total - less, less];
  }) as [Pair, Pair];
  return [sides[0][0], sides[1][0], sides[0][1], sides[1][1]];
}

/** Further from 0 than what a model computes, and no infinity: its sums stay numbers. */
const LOWEST = -1e30;

const maxPool: Rule = (step) => {
  const { kernel, strides, padding, x } = windowsOf(step);
  if (padding.every((side) => side === 0)) return [step.g.maxPool2d(x, { kernel, strides })];
  const padded = padAround(step, x, padding);
  const [height, width] = [extentOf(x, 2), extentOf(x, 3)];
  const border = Float32Array.from({ length: extentOf(padded, 2) * extentOf(padded, 3) }, (_, place) => {
    const [row, column] = [Math.floor(place / extentOf(padded, 3)), place % extentOf(padded, 3)];
    const isInside =
      row >= padding[0] && row < padding[0] + height && column >= padding[1] && column < padding[1] + width;
    return isInside ? 0 : LOWEST;
  });
  const lowered = step.g.add(
    padded,
    step.g.constant(border, 'float32', [1, 1, extentOf(padded, 2), extentOf(padded, 3)]),
  );
  return [step.g.maxPool2d(lowered, { kernel, strides })];
};

const averagePool: Rule = (step) => {
  const { kernel, strides, padding, x } = windowsOf(step);
  const isPadded = padding.some((side) => side !== 0);
  if (isPadded && step.integer('count_include_pad', 0) === 0) throw new Unsupported('leaves its padding out of means');
  return [step.g.averagePool2d(isPadded ? padAround(step, x, padding) : x, { kernel, strides })];
};

function windowsOf(step: Step) {
  const x = step.value(0);
  if (x.shape.length !== 4) throw new Unsupported('is of other than two dimensions');
  if (step.integer('ceil_mode', 0) !== 0) throw new Unsupported('has ceil_mode');
  if (pair(step, 'dilations', 1).some((size) => size !== 1)) throw new Unsupported('has dilations');
  const kernel = pair(step, 'kernel_shape', 1);
  const strides = pair(step, 'strides', 1);
  return { x, kernel, strides, padding: padsOf(step, x, kernel, strides) };
}

function padAround({ g }: Step, x: Value, [top, left, bottom, right]: Four): Value {
  return g.pad(g.pad(x, 2, top, bottom), 3, left, right);
}

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

/** Over an axis, which goes to the end for it. */
function alongLast(step: Step, build: (x: Value) => Value): Value {
  const x = step.value(0);
  const axis = axisOf(step.integer('axis', -1), x.shape.length);
  refuseBatch(x, [axis]);
  const last = x.shape.length - 1;
  if (axis === last) return build(x);
  const perm = x.shape.map((_, at) => (at === axis ? last : at === last ? axis : at));
  return step.g.transpose(build(step.g.transpose(x, perm)), perm);
}

function reduction(name: 'sum' | 'mean' | 'max'): Rule {
  return (step) => {
    const x = step.value(0);
    const given = step.axes(1) ?? [];
    if (given.length === 0 && step.integer('noop_with_empty_axes', 0) === 1) return [x];
    const axes = given.length > 0 ? given : x.shape.map((_, axis) => axis);
    refuseBatch(x, axes);
    return [step.g[name](x, axes, step.integer('keepdims', 1) === 1)];
  };
}

function global(name: 'mean' | 'max'): Rule {
  return (step) => {
    const x = step.value(0);
    const axes = x.shape.flatMap((_, axis) => (axis >= 2 ? [axis] : []));
    return [step.g[name](x, axes, true)];
  };
}

export const layers: Readonly<Record<string, Rule>> = {
  AveragePool: averagePool,
  BatchNormalization: batchNormalization,
  Conv: conv,
  Dropout: dropout,
  Gemm: gemm,
  GlobalAveragePool: global('mean'),
  GlobalMaxPool: global('max'),
  InstanceNormalization: instanceNormalization,
  LayerNormalization: layerNormalization,
  LogSoftmax: (step) => [alongLast(step, (x) => step.g.logSoftmax(x))],
  MatMul: (step) => [step.g.matmul(step.value(0), step.value(1))],
  MaxPool: maxPool,
  ReduceMax: reduction('max'),
  ReduceMean: reduction('mean'),
  ReduceSum: reduction('sum'),
  Softmax: (step) => [alongLast(step, (x) => step.g.softmax(x))],
};
