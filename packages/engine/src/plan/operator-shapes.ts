import { broadcastShapes } from '../graph/shapes.js';
import { dtypeOfElement } from '../onnx/element-types.js';
import type { OperatorName } from '../onnx/operators.js';
import { type DType, elementCount } from '../tensor.js';
import { convolution, pool, spatially, transposedConvolution, windows } from './image-shapes.js';
import {
  at,
  axisOf,
  extent,
  extents,
  integers,
  type Made,
  one,
  operand,
  placeOf,
  type Rule,
  type ShapedNode,
  type ShapedValue,
  unfit,
} from './shaped-values.js';

/** @throws RangeError where inputs do not fit, or a shape follows from values that are not known before the run */
export const shapeRules: Readonly<Record<Exclude<OperatorName, 'Loop' | 'Scan'>, Rule>> = {
  Abs: same,
  Add: elementwise(),
  ArgMax: reduce(({ node }) => [node.integers.get('axis') ?? 0], 'int64'),
  AveragePool: pool,
  Cast: (given) => {
    const x = operand(given, 0);
    const dtype = dtypeOf(given.node.integers.get('to'));
    return one(dtype, x.shape, dtype === 'int64' ? x.integers : undefined);
  },
  Concat: concat,
  Conv: convolution,
  ConvTranspose: transposedConvolution,
  Div: elementwise(),
  Equal: elementwise('bool'),
  Erf: same,
  Exp: same,
  Expand: (given) => {
    const x = operand(given, 0);
    return one(x.dtype, broadcast(given, x.shape, extents(given, 1)));
  },
  Gather: (given) => {
    const [x, indices] = [operand(given, 0), operand(given, 1)];
    if (axisOf(given, 0) !== 0 || x.shape.length === 0) throw unfit(given);
    return one(x.dtype, [...indices.shape, ...x.shape.slice(1)]);
  },
  Gemm: (given) => {
    const [a, b] = [matrix(given, 0, 'transA'), matrix(given, 1, 'transB')];
    if (a[1] !== b[0]) throw unfit(given);
    return one(operand(given, 0).dtype, [a[0], b[1]]);
  },
  Greater: elementwise('bool'),
  GreaterOrEqual: elementwise('bool'),
  HardSigmoid: same,
  Identity: same,
  Log: same,
  LogSoftmax: same,
  MatMul: (given) => {
    const [a, b] = [operand(given, 0), operand(given, 1)];
    const [rows, columns] = [a.shape.at(-2), b.shape.at(-1)];
    if (rows === undefined || columns === undefined || a.shape.at(-1) !== b.shape.at(-2)) throw unfit(given);
    const stack = broadcast(given, a.shape.slice(0, -2), b.shape.slice(0, -2));
    return one(a.dtype, [...stack, rows, columns]);
  },
  Max: elementwise(),
  MaxPool: (given) => {
    const { outputs } = pool(given);
    return { outputs: [...outputs, ...outputs.map(({ shape }): ShapedValue => ({ dtype: 'int64', shape }))] };
  },
  MaxUnpool: (given) => {
    const { dtype, shape } = operand(given, 0);
    if (given.inputs[2] !== undefined) return one(dtype, extents(given, 2));
    const [kernel, strides] = windows(given);
    return one(
      dtype,
      spatially(given, shape, (extent, axis) => (extent - 1) * at(strides, axis) + at(kernel, axis)),
    );
  },
  Min: elementwise(),
  Mul: elementwise(),
  Neg: same,
  Pad: (given) => {
    const { dtype, shape } = operand(given, 0);
    const [pads, axes] = [integers(given, 1), integers(given, 3)];
    const result = [...shape];
    for (const [index, axis] of axes.entries()) {
      const place = placeOf(given, axis, shape.length);
      result[place] = extent(given, at(result, place) + at(pads, index) + at(pads, index + axes.length));
    }
    return one(dtype, result);
  },
  ReduceMax: reduce(reducedAxes),
  ReduceMean: reduce(reducedAxes),
  ReduceSum: reduce(reducedAxes),
  Relu: same,
  Reshape: reshape,
  ScatterElements: same,
  ScatterND: same,
  Shape: (given) => {
    const { shape } = operand(given, 0);
    const { integers: attributes } = given.node;
    const part = shape.slice(attributes.get('start') ?? 0, attributes.get('end') ?? shape.length);
    return one('int64', [part.length], part);
  },
  Sigmoid: same,
  Sign: same,
  Slice: slice,
  Softmax: same,
  Split: (given) => {
    const { dtype, shape } = operand(given, 0);
    const [place, sizes] = [placeOf(given, axisOf(given, 0), shape.length), extents(given, 1)];
    if (sizes.reduce((sum, size) => sum + size, 0) !== at(shape, place)) throw unfit(given);
    return {
      outputs: sizes.map((size) => ({ dtype, shape: shape.map((extent, axis) => (axis === place ? size : extent)) })),
    };
  },
  Sqrt: same,
  Squeeze: (given) => {
    const { dtype, shape, integers: known } = operand(given, 0);
    const gone = new Set(integers(given, 1).map((axis) => placeOf(given, axis, shape.length)));
    if ([...gone].some((axis) => shape[axis] !== 1)) throw unfit(given);
    const left = shape.filter((_, axis) => !gone.has(axis));
    return one(dtype, left, known);
  },
  Sub: elementwise(),
  Tanh: same,
  Transpose: (given) => {
    const { dtype, shape } = operand(given, 0);
    const perm = given.node.lists.get('perm') ?? shape.map((_, axis) => shape.length - 1 - axis);
    if ([...perm].sort((a, b) => a - b).join() !== [...shape.keys()].join()) throw unfit(given);
    const permuted = perm.map((axis) => at(shape, axis));
    return one(dtype, permuted);
  },
  Unsqueeze: (given) => {
    const { dtype, shape, integers: known } = operand(given, 0);
    const axes = integers(given, 1);
    const rank = shape.length + axes.length;
    const added = new Set(axes.map((axis) => placeOf(given, axis, rank)));
    const rest = [...shape];
    const result = Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : (rest.shift() ?? 1)));
    return one(dtype, result, known);
  },
  Where: (given) => {
    const [condition, a, b] = [operand(given, 0), operand(given, 1), operand(given, 2)];
    return one(a.dtype, broadcast(given, broadcast(given, a.shape, b.shape), condition.shape));
  },
};

function same(given: ShapedNode): Made {
  const { dtype, shape, integers: known } = operand(given, 0);
  return one(dtype, shape, given.node.op === 'Identity' ? known : undefined);
}

function elementwise(dtype?: DType): Rule {
  return (given) => {
    const first = operand(given, 0);
    const shape = given.inputs.reduce<readonly number[]>(
      (all, _, index) => broadcast(given, all, operand(given, index).shape),
      [],
    );
    return one(dtype ?? first.dtype, shape);
  };
}

function reducedAxes(given: ShapedNode): readonly number[] {
  const axes = integers(given, 1);
  return axes.length === 0 ? [...operand(given, 0).shape.keys()] : axes;
}

function reduce(axesOf: (given: ShapedNode) => readonly number[], dtype?: DType): Rule {
  return (given) => {
    const x = operand(given, 0);
    const gone = new Set(axesOf(given).map((axis) => placeOf(given, axis, x.shape.length)));
    const keeps = given.node.integers.get('keepdims') !== 0;
    const shape = x.shape.flatMap((extent, axis) => (gone.has(axis) ? (keeps ? [1] : []) : [extent]));
    return one(dtype ?? x.dtype, shape);
  };
}

function reshape(given: ShapedNode): Made {
  const x = operand(given, 0);
  // 0 keeps an extent.
  const target = integers(given, 1).map((extent, axis) => (extent === 0 ? at(x.shape, axis) : extent));
  const [elements, rest] = [elementCount(x.shape), elementCount(target.filter((extent) => extent !== -1))];
  const shape = target.map((extent) => (extent === -1 ? elements / rest : extent));
  if (elementCount(shape) !== elements || shape.some((extent) => !(extent >= 0) || !Number.isInteger(extent)))
    throw unfit(given);
  return one(x.dtype, shape, x.integers);
}

function concat(given: ShapedNode): Made {
  const parts = given.inputs.map((_, index) => operand(given, index));
  const { dtype, shape } = operand(given, 0);
  const place = placeOf(given, axisOf(given, 0), shape.length);
  const total = parts.reduce((sum, part) => sum + at(part.shape, place), 0);
  const fits = parts.every((part) => part.shape.every((extent, axis) => axis === place || extent === shape[axis]));
  if (!fits) throw unfit(given);
  const joined = shape.map((extent, axis) => (axis === place ? total : extent));
  const known = parts.every(({ integers: some }) => some !== undefined);
  return one(dtype, joined, known && shape.length === 1 ? parts.flatMap((part) => part.integers ?? []) : undefined);
}

function slice(given: ShapedNode): Made {
  const { dtype, shape } = operand(given, 0);
  const [starts, ends, axes] = [integers(given, 1), integers(given, 2), integers(given, 3)];
  if (given.inputs.length > 4) throw unfit(given);
  const result = [...shape];
  for (const [index, axis] of axes.entries()) {
    const place = placeOf(given, axis, shape.length);
    const whole = at(shape, place);
    const bound = (value: number) => Math.min(whole, Math.max(0, value < 0 ? value + whole : value));
    result[place] = Math.max(0, bound(at(ends, index)) - bound(at(starts, index)));
  }
  return one(dtype, result);
}

function matrix(given: ShapedNode, index: number, transposed: string): readonly [number, number] {
  const [rows, columns, ...more] = operand(given, index).shape;
  if (rows === undefined || columns === undefined || more.length > 0) throw unfit(given);
  return given.node.integers.get(transposed) ? [columns, rows] : [rows, columns];
}

function broadcast(given: ShapedNode, a: readonly number[], b: readonly number[]): readonly number[] {
  const shape = broadcastShapes(a, b);
  if (shape === undefined) throw unfit(given);
  return shape.map(Number);
}

function dtypeOf(code = 0): DType {
  const found = dtypeOfElement(code);
  if (found === undefined) throw new RangeError(`it casts to the type ${code}, which no compiled plan has`);
  return found;
}
