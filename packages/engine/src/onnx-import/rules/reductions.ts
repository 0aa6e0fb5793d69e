import type { Graph } from '../../graph/graph.js';
import type { Value } from '../../graph/value.js';
import { alongAxis } from '../along.js';
import { axisOf, extentOf, laidOut, type Rule, refuseBatch, Unsupported } from '../entries.js';

type Reduce = (g: Graph, x: Value, axes: readonly number[], keeps: boolean) => Value;

/** @param isPlain of one element it gives that element */
function reduction(reduce: Reduce, isPlain = false): Rule {
  return (step) => {
    const x = step.value(0);
    const given = step.axes(1) ?? [];
    if (given.length === 0 && step.integer('noop_with_empty_axes', 0) === 1) {
      // Whether it still computes of each element has changed with the versions of the standard.
      if (!isPlain) throw new Unsupported('reduces along no axis (noop_with_empty_axes)');
      return [x];
    }
    const axes = given.length > 0 ? given : x.shape.map((_, axis) => axis);
    refuseBatch(x, axes);
    return [reduce(step.g, x, axes, step.integer('keepdims', 1) === 1)];
  };
}

/** Where it is 0 its gradient is 0 too, as PyTorch has it of a norm. */
function rootOf(g: Graph, x: Value): Value {
  const isMore = g.greater(x, 0);
  return g.select(isMore, g.sqrt(g.select(isMore, x, 1)), 0);
}

const logSumExp: Reduce = (g, x, axes, keeps) => {
  const found = g.max(x, axes, true);
  // Where all are -infinity, so is the result: nothing is taken off there.
  const most = g.select(g.greater(found, -Number.MAX_VALUE), found, 0);
  const total = g.add(g.log(g.sum(g.exp(g.sub(x, most)), axes, true)), most);
  return keeps ? total : g.sum(total, axes);
};

/** Of what is known alone: exporters count elements with it. */
const product: Rule = (step) => {
  const elements = step.numbers(0);
  const axes = step.axes(1) ?? [];
  if (axes.length > 0 && step.entry(0).shape.length > 1) throw new Unsupported('multiplies along an axis');
  const shape = step.integer('keepdims', 1) === 1 ? step.entry(0).shape.map(() => 1) : [];
  return [{ dtype: step.known(0).dtype, shape, elements: [elements.reduce((all, one) => all * one, 1)] }];
};

/** As a product with a triangle of ones. */
const cumulated: Rule = (step) => {
  const { g } = step;
  const x = step.value(0);
  const axis = axisOf(step.numbers(1)[0] ?? 0, x.shape.length);
  const [isReverse, isExclusive] = [step.integer('reverse', 0) === 1, step.integer('exclusive', 0) === 1];
  const extent = extentOf(x, axis);
  const counts = (from: number, to: number) => (isReverse ? from > to : from < to) || (!isExclusive && from === to);
  const triangle = Float32Array.from({ length: laidOut(extent * extent) }, (_, at) =>
    Number(counts(Math.floor(at / extent), at % extent)),
  );
  // Whole numbers stay whole up to 2^53.
  const dtype = x.dtype === 'float32' ? 'float32' : 'float64';
  const floats = x.dtype === dtype ? x : g.cast(x, dtype);
  const total = alongAxis(step, floats, axis, (last) => g.matmul(last, g.constant(triangle, dtype, [extent, extent])));
  return [g.cast(total, x.dtype)];
};

const argMax: Rule = (step) => {
  if (step.integer('select_last_index', 0) !== 0) throw new Unsupported('takes the last of equal maxima');
  const x = step.value(0);
  const axis = axisOf(step.integer('axis', 0), x.shape.length);
  refuseBatch(x, [axis]);
  const places = step.g.argMax(x, axis);
  const kept = x.shape.map((extent, at) => (at === axis ? 1 : extent));
  return [step.integer('keepdims', 1) === 1 ? step.g.reshape(places, kept) : places];
};

export const reductions: Readonly<Record<string, Rule>> = {
  ArgMax: argMax,
  CumSum: cumulated,
  ReduceL1: reduction((g, x, axes, keeps) => g.sum(g.abs(x), axes, keeps)),
  ReduceL2: reduction((g, x, axes, keeps) => rootOf(g, g.sum(g.square(x), axes, keeps))),
  ReduceLogSum: reduction((g, x, axes, keeps) => g.log(g.sum(x, axes, keeps))),
  ReduceLogSumExp: reduction(logSumExp),
  ReduceMax: reduction((g, x, axes, keeps) => g.max(x, axes, keeps), true),
  ReduceMean: reduction((g, x, axes, keeps) => g.mean(x, axes, keeps), true),
  ReduceMin: reduction((g, x, axes, keeps) => g.neg(g.max(g.neg(x), axes, keeps)), true),
  ReduceProd: product,
  ReduceSum: reduction((g, x, axes, keeps) => g.sum(x, axes, keeps), true),
  ReduceSumSquare: reduction((g, x, axes, keeps) => g.sum(g.square(x), axes, keeps)),
};
