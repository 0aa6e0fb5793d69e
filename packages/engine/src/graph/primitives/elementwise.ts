import type { OperatorName } from '../../onnx/operators.js';
import { at, broadcast, tabulate } from '../../reference/dense.js';
import type { DType } from '../../tensor.js';
import { broadcastShapes } from '../shapes.js';
import type { GradientStep, GraphBuilder, Primitive, Value } from '../value.js';
import { isFloat, type ProblemFactory, type ValueType } from '../value-type.js';

/** Adds up a gradient over the axes along which its value was broadcast. */
export function sumTo(graph: GraphBuilder, gradient: Value, like: ValueType): Value {
  const added = gradient.shape.length - like.shape.length;
  const axes = gradient.shape.flatMap((extent, axis) => {
    const original = like.shape[axis - added];
    return axis < added || (original === 1 && extent !== 1) ? [axis] : [];
  });
  const leading = axes.every((axis) => axis < added);
  return graph.reshape(graph.sum(gradient, axes, !leading), like.shape);
}

/** Shape and dtype rule of all elementwise operations with two operands. */
export function inferBinary(
  inputs: readonly ValueType[],
  problem: ProblemFactory,
  result?: DType,
): readonly ValueType[] {
  const [a, b] = inputs as [ValueType, ValueType];
  if (a.dtype !== b.dtype) throw problem('needs operands of one dtype: cast() one of them', 'graph.dtype');
  const shape = broadcastShapes(a.shape, b.shape);
  if (shape === undefined) throw problem('cannot broadcast these shapes');
  return [{ dtype: result ?? a.dtype, shape }];
}

type Rule = (step: {
  graph: GraphBuilder;
  a: Value;
  b: Value;
  y: Value;
  d: Value;
}) => readonly [() => Value, () => Value];

interface BinaryDefinition {
  readonly name: string;
  readonly op: OperatorName;
  readonly compute: (a: number, b: number) => number;
  /** For integers, where it differs. */
  readonly computeInteger?: (a: number, b: number) => number;
  /** The gradients by a and by b before they are summed to their shapes. */
  readonly rule: Rule;
  readonly gradientOverSteps?: NonNullable<Primitive<undefined>['gradientOverSteps']>;
}

function binary({
  name,
  op,
  compute,
  computeInteger = compute,
  rule,
  ...rest
}: BinaryDefinition): Primitive<undefined> {
  return {
    ...rest,
    name,
    isElementwise: true,
    inferShape(inputs, _, problem) {
      if (inputs.some(({ dtype }) => dtype === 'bool')) throw problem('does not take bool', 'graph.dtype');
      return inferBinary(inputs, problem);
    },
    gradient({ graph, inputs, outputs, outputGradients, needed }: GradientStep<undefined>) {
      const [a, b] = inputs as [Value, Value];
      const rules = rule({ graph, a, b, y: outputs[0]!, d: outputGradients[0]! });
      return inputs.map((input, index) => (needed[index] ? sumTo(graph, rules[index]!(), input) : undefined));
    },
    evaluate([a, b], _, { outputs }) {
      const operation = isFloat(outputs[0]!.dtype) ? compute : computeInteger;
      return [tabulate(broadcast(a!.shape, b!.shape), (index) => operation(at(a!, index), at(b!, index)))];
    },
    lower: (inputs, _, { emit, outputs }) => [emit(op, inputs, {}, outputs[0]!)],
  };
}

export const add = binary({
  name: 'add',
  op: 'Add',
  compute: (a, b) => a + b,
  rule: ({ d }) => [() => d, () => d],
  gradientOverSteps:
    ({ graph, inputs, index, gradient }) =>
    () =>
      sumTo(graph, gradient(), inputs[index]!),
});

export const sub = binary({
  name: 'sub',
  op: 'Sub',
  compute: (a, b) => a - b,
  rule: ({ graph, d }) => [() => d, () => graph.neg(d)],
});

export const mul = binary({
  name: 'mul',
  op: 'Mul',
  compute: (a, b) => a * b,
  rule: ({ graph, a, b, d }) => [() => graph.mul(d, b), () => graph.mul(d, a)],
});

export const div = binary({
  name: 'div',
  op: 'Div',
  compute: (a, b) => a / b,
  computeInteger: (a, b) => Math.trunc(a / b),
  rule: ({ graph, b, y, d }) => [() => graph.div(d, b), () => graph.neg(graph.div(graph.mul(d, y), b))],
});

/** 1 where `a > b`, 1/2 where they are equal, else 0. */
function share(graph: GraphBuilder, a: Value, b: Value): Value {
  return graph.mul(graph.add(graph.sign(graph.sub(a, b)), 1), 0.5);
}

export const maximum = binary({
  name: 'maximum',
  op: 'Max',
  compute: Math.max,
  rule: ({ graph, a, b, d }) => [() => graph.mul(d, share(graph, a, b)), () => graph.mul(d, share(graph, b, a))],
});

export const minimum = binary({
  name: 'minimum',
  op: 'Min',
  compute: Math.min,
  rule: ({ graph, a, b, d }) => [() => graph.mul(d, share(graph, b, a)), () => graph.mul(d, share(graph, a, b))],
});
