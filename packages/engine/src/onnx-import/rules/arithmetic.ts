import type { Graph } from '../../graph/graph.js';
import type { Value } from '../../graph/value.js';
import type { Dim } from '../../graph/value-type.js';
import type { DType } from '../../tensor.js';
import {
  asValue,
  countOf,
  type Entry,
  isKnown,
  type Known,
  productOf,
  type Rule,
  type Step,
  Unsupported,
} from '../entries.js';

type Binary = (g: Graph, a: Value, b: Value) => Value;

/** @param fold what two numbers make, for those that are known before the graph runs */
function binary(build: Binary, fold?: (a: number, b: number, step: Step) => number): Rule {
  return (step) => {
    const [a, b] = [step.entry(0), step.entry(1)];
    const known = fold && isKnown(a) && isKnown(b) && folded(a, b, (x, y) => fold(x, y, step), step.node.op);
    return [known || build(step.g, step.value(0), step.value(1))];
  };
}

/** Of any number of values. */
function variadic(build: Binary, fold: (a: number, b: number) => number): Rule {
  return (step) => [
    step.inputs
      .map((_, at) => step.entry(at))
      .reduce((a, b) => {
        const known = isKnown(a) && isKnown(b) && folded(a, b, fold, step.node.op);
        const inGraph = (entry: Entry) => (isKnown(entry) ? asValue(step.g, entry) : entry);
        return known || build(step.g, inGraph(a), inGraph(b));
      }),
  ];
}

/** Of two constants of one shape, or of which one is a single number; undefined: they broadcast. */
function folded(a: Known, b: Known, fold: (a: number, b: number) => number, op: string): Known | undefined {
  const isSingle = (one: Known, other: Known) => one.elements.length === 1 && one.shape.length <= other.shape.length;
  const like = a.shape.join() === b.shape.join() || isSingle(b, a) ? a : isSingle(a, b) ? b : undefined;
  if (like === undefined) return undefined;
  const at = ({ elements }: Known, index: number) => elements[elements.length === 1 ? 0 : index] as Dim;
  const isWhole = a.dtype !== 'float32' && a.dtype !== 'float64';
  return {
    dtype: a.dtype,
    shape: like.shape,
    elements: like.elements.map((_, index) => {
      const [left, right] = [at(a, index), at(b, index)];
      if (typeof left === 'string' || typeof right === 'string') return symbolic(op, left, right);
      const value = fold(left, right);
      return isWhole ? Math.trunc(value) : value;
    }),
  };
}

/** Of the batch's extent, times something, or over what divides it. */
function symbolic(op: string, left: Dim, right: Dim): Dim {
  if (op === 'Mul') return productOf(countOf([left, right]));
  const { count, symbols } = countOf([left]);
  if (op === 'Div' && typeof right === 'number' && count % right === 0)
    return productOf({ count: count / right, symbols });
  throw new Unsupported(`computes with the extent '${typeof left === 'string' ? left : right}'`);
}

function unary(build: (g: Graph, x: Value, step: Step) => Value, fold?: (x: number) => number): Rule {
  return (step) => {
    const x = step.entry(0);
    if (!isKnown(x) || fold === undefined) return [build(step.g, step.value(0), step)];
    return [{ ...x, elements: step.numbers(0).map(fold) }];
  };
}

/** Of ONNX's numbers of types. */
const types: Readonly<Record<number, DType>> = {
  1: 'float32',
  6: 'int32',
  7: 'int64',
  9: 'bool',
  11: 'float64',
};

function castTo(dtype: DType, element: Dim): Dim {
  if (typeof element === 'string') return element;
  if (dtype === 'bool') return Number(element !== 0);
  return dtype === 'float32' ? Math.fround(element) : Math.trunc(element);
}

const cast: Rule = (step) => {
  const dtype = types[step.integer('to', 1)];
  if (dtype === undefined) throw new Unsupported(`casts to the type ${step.integer('to', 1)}`);
  // What a model computes with is float32 here.
  const to = dtype === 'float64' ? 'float32' : dtype;
  const x = step.entry(0);
  return [
    isKnown(x) ? { ...x, dtype: to, elements: x.elements.map((element) => castTo(to, element)) } : step.g.cast(x, to),
  ];
};

/** A number that an operator has as an input or, in older versions, as an attribute. */
function bound(step: Step, index: number, attribute: string): number | undefined {
  if (step.has(index)) return step.numbers(index)[0];
  return step.node.attributes.get(attribute)?.float;
}

const clip: Rule = (step) => {
  const [least, most] = [bound(step, 1, 'min'), bound(step, 2, 'max')];
  let x = step.value(0);
  if (least !== undefined && Number.isFinite(least)) x = step.g.maximum(x, least);
  if (most !== undefined && Number.isFinite(most)) x = step.g.minimum(x, most);
  return [x];
};

const power: Rule = (step) => {
  const [exponent, ...more] = step.numbers(1);
  if (exponent === undefined || more.length > 0) throw new Unsupported('has several exponents');
  const x = step.entry(0);
  if (isKnown(x)) return [{ ...x, elements: step.numbers(0).map((base) => base ** exponent) }];
  const whole: Readonly<Record<number, () => Value>> = {
    [-1]: () => step.g.div(1, x),
    [-0.5]: () => step.g.div(1, step.g.sqrt(x)),
    0.5: () => step.g.sqrt(x),
    1: () => x,
    2: () => step.g.square(x),
    3: () => step.g.mul(step.g.square(x), x),
  };
  const build = whole[exponent];
  if (build === undefined) throw new Unsupported(`has the exponent ${exponent}`);
  return [build()];
};

const where: Rule = (step) => {
  const condition = step.value(0);
  return [
    step.g.select(
      condition.dtype === 'bool' ? condition : step.g.cast(condition, 'bool'),
      step.value(1),
      step.value(2),
    ),
  ];
};

function hardSigmoid(g: Graph, x: Value, alpha: number, beta: number): Value {
  return g.minimum(g.maximum(g.add(g.mul(x, alpha), beta), 0), 1);
}

/** Of what is known alone: exporters compute shapes with it. */
function remainder(_g: Graph, _a: Value, _b: Value): Value {
  throw new Unsupported('takes values that are not known before it runs');
}

/** log(1 + exp(x)) without an overflow. */
function softplus(g: Graph, x: Value): Value {
  return g.add(g.maximum(x, 0), g.log(g.add(g.exp(g.neg(g.abs(x))), 1)));
}

export const arithmetic: Readonly<Record<string, Rule>> = {
  Abs: unary((g, x) => g.abs(x), Math.abs),
  Add: binary(
    (g, a, b) => g.add(a, b),
    (a, b) => a + b,
  ),
  Cast: cast,
  Clip: clip,
  Div: binary(
    (g, a, b) => g.div(a, b),
    (a, b) => a / b,
  ),
  Equal: binary((g, a, b) => g.equal(a, b)),
  Erf: unary((g, x) => g.erf(x)),
  Exp: unary((g, x) => g.exp(x), Math.exp),
  Gelu: unary((g, x, step) => {
    if (step.text('approximate', 'none') !== 'none') throw new Unsupported('is an approximation');
    return g.gelu(x);
  }),
  Greater: binary((g, a, b) => g.greater(a, b)),
  GreaterOrEqual: binary((g, a, b) => g.greaterOrEqual(a, b)),
  HardSigmoid: unary((g, x, step) => hardSigmoid(g, x, step.float('alpha', 0.2), step.float('beta', 0.5))),
  HardSwish: unary((g, x) => g.mul(x, hardSigmoid(g, x, 1 / 6, 0.5))),
  LeakyRelu: unary((g, x, step) => g.select(g.greater(x, 0), x, g.mul(x, step.float('alpha', 0.01)))),
  Less: binary((g, a, b) => g.greater(b, a)),
  LessOrEqual: binary((g, a, b) => g.greaterOrEqual(b, a)),
  Log: unary((g, x) => g.log(x), Math.log),
  Max: variadic((g, a, b) => g.maximum(a, b), Math.max),
  Min: variadic((g, a, b) => g.minimum(a, b), Math.min),
  Mod: binary(remainder, (a, b, step) => (step.integer('fmod', 0) === 1 ? a % b : a - b * Math.floor(a / b))),
  Mul: binary(
    (g, a, b) => g.mul(a, b),
    (a, b) => a * b,
  ),
  Neg: unary(
    (g, x) => g.neg(x),
    (x) => -x,
  ),
  Pow: power,
  Reciprocal: unary(
    (g, x) => g.div(1, x),
    (x) => 1 / x,
  ),
  Relu: unary((g, x) => g.relu(x)),
  Sigmoid: unary((g, x) => g.sigmoid(x)),
  Sign: unary((g, x) => g.sign(x), Math.sign),
  Softplus: unary(softplus),
  Sqrt: unary((g, x) => g.sqrt(x), Math.sqrt),
  Sub: binary(
    (g, a, b) => g.sub(a, b),
    (a, b) => a - b,
  ),
  Tanh: unary((g, x) => g.tanh(x)),
  Where: where,
};

/** Operators that give what they take. */
export const same: Rule = (step): readonly Entry[] => [step.entry(0)];
