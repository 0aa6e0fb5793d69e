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
function binary(build: Binary, fold?: (a: number, b: number) => number): Rule {
  return (step) => {
    const [a, b] = [step.entry(0), step.entry(1)];
    const known = fold && isKnown(a) && isKnown(b) && folded(a, b, fold, step.node.op);
    if (known) return [known];
    return [build(step.g, ...sameDtype(step.g, step.value(0), step.value(1)))];
  };
}

/** Of any number of values. */
function variadic(build: Binary, fold: (a: number, b: number) => number): Rule {
  return (step) => [
    step.inputs
      .slice(1)
      .map((_, at) => step.entry(at + 1))
      .reduce((a, b) => {
        const known = isKnown(a) && isKnown(b) && folded(a, b, fold, step.node.op);
        const inGraph = (entry: Entry) => (isKnown(entry) ? asValue(step.g, entry) : entry);
        return known || build(step.g, ...sameDtype(step.g, inGraph(a), inGraph(b)));
      }, step.entry(0)),
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

/** Integers of two widths as the wider one: tokens come as int32, whatever the file says. */
export function sameDtype(g: Graph, a: Value, b: Value): [Value, Value] {
  const isMixed = [a, b].some(({ dtype }) => dtype === 'int32') && [a, b].some(({ dtype }) => dtype === 'int64');
  return isMixed ? [g.cast(a, 'int64'), g.cast(b, 'int64')] : [a, b];
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

const castLike: Rule = (step) => {
  const [x, { dtype }] = [step.entry(0), step.entry(1)];
  if (isKnown(x)) return [{ ...x, dtype, elements: x.elements.map((element) => castTo(dtype, element)) }];
  return [step.g.cast(x, dtype)];
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
  const { g } = step;
  const [base, exponent] = [step.entry(0), step.entry(1)];
  const known = isKnown(base) && isKnown(exponent) ? folded(base, exponent, (a, b) => a ** b, step.node.op) : undefined;
  if (known !== undefined) return [known];
  const single = isKnown(exponent) && exponent.elements.length === 1 ? step.numbers(1)[0] : undefined;
  if (single !== undefined && !isKnown(base)) return [raised(g, base, single)];
  if (isKnown(base) && step.numbers(0).some((number) => number <= 0))
    throw new Unsupported('raises numbers that are not above 0 to powers that are not known');
  const factor = isKnown(base) && base.elements.length === 1 ? Math.log(step.numbers(0)[0] ?? 1) : undefined;
  return [g.exp(g.mul(factor === undefined ? g.log(step.value(0)) : g.constant(factor, 'float32'), step.value(1)))];
};

/** Beyond, no float but -1, 0 and 1 has a power that is a number of its own. */
const EXPONENT_MAX = 2 ** 32;

/** By products where the exponent is a whole number, and otherwise by the logarithm. */
function raised(g: Graph, x: Value, exponent: number): Value {
  if (exponent < 0) return g.div(1, raised(g, x, -exponent));
  if (exponent === 0) return g.expand(g.constant(1, x.dtype), x.shape);
  if (exponent === 0.5) return g.sqrt(x);
  if (exponent === 1) return x;
  if (!Number.isInteger(exponent) || exponent > EXPONENT_MAX) {
    // At 0 the logarithm has no gradient that could be multiplied with 0.
    const isMore = g.greater(x, 0);
    const positive = g.exp(g.mul(g.log(g.select(isMore, x, 1)), exponent));
    return g.select(isMore, positive, g.select(g.greater(0, x), Number.NaN, g.constant(0, x.dtype)));
  }
  const half = g.square(raised(g, x, Math.floor(exponent / 2)));
  return exponent % 2 === 0 ? half : g.mul(half, x);
}

/** Of what is known alone: exporters compute shapes with it. */
function knownOnly(fold: (x: number) => number): Rule {
  return (step) => [{ ...step.known(0), elements: step.numbers(0).map(fold) }];
}

const remainder: Rule = (step) => {
  const isSigned = step.integer('fmod', 0) === 1;
  const fold = (a: number, b: number) => (isSigned ? a % b : a - b * Math.floor(a / b));
  const known = folded(step.known(0), step.known(1), fold, step.node.op);
  if (known === undefined) throw new Unsupported('takes values of unlike shapes');
  return [known];
};

function roundHalfToEven(x: number): number {
  const down = Math.floor(x);
  return x - down === 0.5 ? 2 * Math.round(down / 2) : Math.round(x);
}

export const arithmetic: Readonly<Record<string, Rule>> = {
  Abs: unary((g, x) => g.abs(x), Math.abs),
  Add: binary(
    (g, a, b) => g.add(a, b),
    (a, b) => a + b,
  ),
  Cast: cast,
  CastLike: castLike,
  Ceil: knownOnly(Math.ceil),
  Clip: clip,
  Cos: knownOnly(Math.cos),
  Div: binary(
    (g, a, b) => g.div(a, b),
    (a, b) => a / b,
  ),
  Erf: unary((g, x) => g.erf(x)),
  Exp: unary((g, x) => g.exp(x), Math.exp),
  Floor: knownOnly(Math.floor),
  Log: unary((g, x) => g.log(x), Math.log),
  Max: variadic((g, a, b) => g.maximum(a, b), Math.max),
  Min: variadic((g, a, b) => g.minimum(a, b), Math.min),
  Mod: remainder,
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
  Round: knownOnly(roundHalfToEven),
  Sign: unary((g, x) => g.sign(x), Math.sign),
  Sin: knownOnly(Math.sin),
  Sqrt: unary((g, x) => g.sqrt(x), Math.sqrt),
  Sub: binary(
    (g, a, b) => g.sub(a, b),
    (a, b) => a - b,
  ),
};

/** Operators that give what they take. */
export const same: Rule = (step): readonly Entry[] => [step.entry(0)];
