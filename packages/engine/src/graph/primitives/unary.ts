import type { Attributes } from '../../onnx/ir.js';
import type { OperatorName } from '../../onnx/operators.js';
import { at, dense, tabulate } from '../../reference/dense.js';
import type { GraphBuilder, Primitive, Value } from '../value.js';
import { isFloat } from '../value-type.js';
import { inferBinary } from './elementwise.js';
import { errorFunction } from './error-function.js';

interface UnaryDefinition {
  readonly name: string;
  readonly op: OperatorName;
  readonly attributes?: Attributes;
  readonly compute: (x: number) => number;
  readonly rule: (step: { graph: GraphBuilder; x: Value; y: Value; d: Value }) => Value | undefined;
  /** Default true. */
  readonly floatsOnly?: boolean;
}

function unary({ name, op, attributes = {}, compute, rule, floatsOnly = true }: UnaryDefinition): Primitive<undefined> {
  return {
    name,
    isElementwise: true,
    inferShape([x], _, problem) {
      if (x!.dtype === 'bool' || (floatsOnly && !isFloat(x!.dtype))) {
        throw problem(floatsOnly ? 'takes floats only' : 'does not take bool', 'graph.dtype');
      }
      return [{ dtype: x!.dtype, shape: x!.shape }];
    },
    gradient: ({ graph, inputs, outputs, outputGradients }) => [
      rule({ graph, x: inputs[0]!, y: outputs[0]!, d: outputGradients[0]! }),
    ],
    evaluate: ([x]) => [dense(x!.shape, x!.data.map(compute))],
    lower: (inputs, _, { emit, outputs }) => [emit(op, inputs, attributes, outputs[0]!)],
  };
}

export const neg = unary({
  name: 'neg',
  op: 'Neg',
  compute: (x) => -x,
  rule: ({ graph, d }) => graph.neg(d),
  floatsOnly: false,
});

export const exp = unary({ name: 'exp', op: 'Exp', compute: Math.exp, rule: ({ graph, y, d }) => graph.mul(d, y) });

export const log = unary({ name: 'log', op: 'Log', compute: Math.log, rule: ({ graph, x, d }) => graph.div(d, x) });

export const sqrt = unary({
  name: 'sqrt',
  op: 'Sqrt',
  compute: Math.sqrt,
  rule: ({ graph, y, d }) => graph.div(graph.mul(d, 0.5), y),
});

export const abs = unary({
  name: 'abs',
  op: 'Abs',
  compute: Math.abs,
  rule: ({ graph, x, d }) => graph.mul(d, graph.sign(x)),
  floatsOnly: false,
});

export const sign = unary({ name: 'sign', op: 'Sign', compute: Math.sign, rule: () => undefined, floatsOnly: false });

export const tanh = unary({
  name: 'tanh',
  op: 'Tanh',
  compute: Math.tanh,
  // dy/dx = 1 - y²
  rule: ({ graph, y, d }) => graph.mul(d, graph.sub(1, graph.mul(y, y))),
});

export const erf = unary({
  name: 'erf',
  op: 'Erf',
  compute: errorFunction,
  // dy/dx = 2 / sqrt(pi) exp(-x²)
  rule: ({ graph, x, d }) => graph.mul(d, graph.mul(graph.exp(graph.neg(graph.mul(x, x))), 2 / Math.sqrt(Math.PI))),
});

/** 1 / (1 + exp(-x)), without an overflow on either side. */
function logistic(x: number): number {
  const small = Math.exp(-Math.abs(x));
  return x < 0 ? small / (1 + small) : 1 / (1 + small);
}

export const sigmoid = unary({
  name: 'sigmoid',
  op: 'Sigmoid',
  compute: logistic,
  // dy/dx = y (1 - y)
  rule: ({ graph, y, d }) => graph.mul(d, graph.mul(y, graph.sub(1, y))),
});

export const relu = unary({
  name: 'relu',
  op: 'Relu',
  compute: (x) => Math.max(x, 0),
  rule: ({ graph, y, d }) => graph.reluGradient(d, y),
});

/** `d` where `y > 0`, else 0, for `y >= 0`. */
export const reluGradient: Primitive<undefined> = {
  name: 'reluGradient',
  inferShape: (inputs, _, problem) => inferBinary(inputs, problem),
  gradient: ({ graph, inputs, outputGradients }) => [graph.reluGradient(outputGradients[0]!, inputs[1]!), undefined],
  evaluate: ([d, y]) => [tabulate(d!.shape, (index) => (at(y!, index) > 0 ? at(d!, index) : 0))],
  lower([d, y], _, { emit, outputs }) {
    // A hard step: 0 at 0, 1 from 1e-30 on. One pass with vector instructions, where Sign, Where and Cast take two to three.
    const type = outputs[0]!;
    const mask = emit('HardSigmoid', [y], { alpha: { float: 1e30 }, beta: { float: 0 } }, type);
    return [emit('Mul', [d, mask], {}, type)];
  },
};
