import type { OperatorName } from '../../onnx/operators.js';
import { at, dense, eachIndex, offsetOf, tabulate } from '../../reference/dense.js';
import { extentOf, normalizeAxis } from '../shapes.js';
import type { GraphBuilder, Primitive, Value } from '../value.js';
import { type Dim, isFloat } from '../value-type.js';

export interface ReduceAttributes {
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

interface ReduceDefinition {
  readonly name: string;
  readonly op: OperatorName;
  readonly start: number;
  readonly fold: (total: number, x: number) => number;
  readonly finish?: (total: number, count: number) => number;
  /** `d` and `y` come with the reduced axes kept as 1. */
  readonly rule: (step: { graph: GraphBuilder; x: Value; y: Value; d: Value; axes: readonly number[] }) => Value;
}

function reduced(shape: readonly Dim[], axes: readonly number[]): Dim[] {
  const gone = new Set(axes.map((axis) => (axis < 0 ? axis + shape.length : axis)));
  return shape.map((extent, axis) => (gone.has(axis) ? 1 : extent));
}

function dropped<T extends Dim>(shape: readonly T[], axes: readonly number[]): T[] {
  const gone = new Set(axes.map((axis) => (axis < 0 ? axis + shape.length : axis)));
  return shape.filter((_, axis) => !gone.has(axis));
}

function reduction({ name, op, start, fold, finish, rule }: ReduceDefinition): Primitive<ReduceAttributes> {
  return {
    name,
    inferShape([x], { axes, keepDims }, problem) {
      const normalized = axes.map((axis) => normalizeAxis(axis, x!.shape.length, problem));
      if (new Set(normalized).size !== axes.length) throw problem(`names an axis twice: [${axes.join(', ')}]`);
      if (x!.dtype === 'bool') throw problem('does not take bool', 'graph.dtype');
      return [{ dtype: x!.dtype, shape: keepDims ? reduced(x!.shape, axes) : dropped(x!.shape, axes) }];
    },
    gradient({ graph, inputs, outputs, attributes: { axes }, outputGradients }) {
      const x = inputs[0]!;
      const kept = reduced(x.shape, axes);
      const d = graph.reshape(outputGradients[0]!, kept);
      return [rule({ graph, x, y: graph.reshape(outputs[0]!, kept), d, axes })];
    },
    evaluate([x], { axes, keepDims }) {
      const kept = reduced(x!.shape, axes) as number[];
      const totals = dense(kept);
      totals.data.fill(start);
      eachIndex(x!.shape, (index, position) => {
        const target = offsetOf(kept, index);
        totals.data[target] = fold(totals.data[target]!, x!.data[position]!);
      });
      const count = x!.data.length / totals.data.length;
      const data = finish === undefined ? totals.data : totals.data.map((total) => finish(total, count));
      return [dense(keepDims ? kept : dropped(x!.shape, axes), data)];
    },
    lower: ([x], { axes, keepDims }, { emit, integers, outputs }) => [
      emit(op, [x, integers(axes)], { keepdims: Number(keepDims) }, outputs[0]!),
    ],
  };
}

export const sum = reduction({
  name: 'sum',
  op: 'ReduceSum',
  start: 0,
  fold: (total, x) => total + x,
  rule: ({ graph, x, d }) => graph.expand(d, x.shape),
});

export const mean = reduction({
  name: 'mean',
  op: 'ReduceMean',
  start: 0,
  fold: (total, x) => total + x,
  finish: (total, count) => total / count,
  rule: ({ graph, x, d, axes }) => graph.expand(graph.div(d, elementsOver(graph, x, axes)), x.shape),
});

/** How many elements the axes hold: a number, or read from the run. */
function elementsOver(graph: GraphBuilder, x: Value, axes: readonly number[]): Value | number {
  const { count, symbols } = extentOf(axes.map((axis) => x.shape.at(axis)!));
  let product: Value | number = count;
  for (const axis of axes) {
    if (symbols.length === 0 || typeof x.shape.at(axis) === 'number') continue;
    product = graph.mul(graph.cast(graph.dim(x, axis), x.dtype), product);
  }
  return product;
}

export const max = reduction({
  name: 'max',
  op: 'ReduceMax',
  start: Number.NEGATIVE_INFINITY,
  fold: Math.max,
  rule({ graph, x, y, d, axes }) {
    const isMaximum = graph.cast(graph.equal(x, y), x.dtype);
    return graph.mul(isMaximum, graph.div(d, graph.sum(isMaximum, axes, true)));
  },
});

export const argMax: Primitive<{ readonly axis: number }> = {
  name: 'argMax',
  inferShape([x], { axis }, problem) {
    normalizeAxis(axis, x!.shape.length, problem);
    if (!isFloat(x!.dtype)) throw problem('takes floats only', 'graph.dtype');
    return [{ dtype: 'int64', shape: dropped(x!.shape, [axis]) }];
  },
  gradient: () => [undefined],
  evaluate([x], { axis }) {
    const position = axis < 0 ? axis + x!.shape.length : axis;
    return [
      tabulate(dropped(x!.shape, [position]), (index) => {
        const element = (k: number) => at(x!, [...index.slice(0, position), k, ...index.slice(position)]);
        let best = 0;
        for (let k = 1; k < x!.shape[position]!; k++) if (element(k) > element(best)) best = k;
        return best;
      }),
    ];
  },
  lower: (inputs, { axis }, { emit, outputs }) => [emit('ArgMax', inputs, { axis, keepdims: 0 }, outputs[0]!)],
};
