import type { Graph } from '../../graph/graph.js';
import type { Value } from '../../graph/value.js';
import type { Dim } from '../../graph/value-type.js';
import { type Entry, isKnown, type Known, type Rule, type Step } from '../entries.js';
import { sameDtype } from './arithmetic.js';

function compared(build: (g: Graph, a: Value, b: Value) => Value): Rule {
  return (step) => {
    const [a, b] = sameDtype(step.g, step.value(0), step.value(1));
    return [build(step.g, a, b)];
  };
}

/** Of shapes too, in which extents may be symbols: exporters ask so whether one is -1. */
const equal: Rule = (step) => {
  const [a, b] = [step.entry(0), step.entry(1)];
  if (!isSymbolic(a) && !isSymbolic(b)) return compared((g, left, right) => g.equal(left, right))(step);
  const [left, right] = [step.known(0), step.known(1)];
  return [elementwise('bool', [left, right], ([one, other]) => Number(one === other))];
};

const where: Rule = (step) => {
  const { g } = step;
  if ([1, 2].some((index) => isSymbolic(step.entry(index)))) {
    const parts = [step.known(0), step.known(1), step.known(2)];
    return [elementwise(step.known(1).dtype, parts, ([condition, a, b]) => (condition === 0 ? b : a) as Dim)];
  }
  const condition = step.value(0);
  const [a, b] = sameDtype(g, step.value(1), step.value(2));
  return [g.select(condition.dtype === 'bool' ? condition : g.cast(condition, 'bool'), a, b)];
};

function isSymbolic(entry: Entry): boolean {
  return isKnown(entry) && entry.elements.some((element) => typeof element === 'string');
}

/** Of vectors of one length, or single numbers. */
function elementwise(dtype: Known['dtype'], parts: readonly Known[], build: (row: readonly Dim[]) => Dim): Known {
  const longest = parts.reduce((one, other) => (other.elements.length > one.elements.length ? other : one));
  const rows = longest.elements.map((_, at) =>
    parts.map(({ elements }) => elements[elements.length === 1 ? 0 : at] as Dim),
  );
  return { dtype, shape: longest.shape, elements: rows.map(build) };
}

const numberOf = (g: Graph, x: Value) => g.cast(x, 'float32');
const not = (g: Graph, x: Value) => g.equal(numberOf(g, x), 0);

/** Of truth values as the numbers 0 and 1: not every runtime selects truth values. */
function logical(build: (g: Graph, a: Value, b: Value) => Value): Rule {
  return (step) => [step.g.greater(build(step.g, numberOf(step.g, step.value(0)), numberOf(step.g, step.value(1))), 0)];
}

function asked(build: (g: Graph, x: Value, step: Step) => Value): Rule {
  return (step) => [build(step.g, step.value(0), step)];
}

/** Either of both, or one alone. */
function isInfinite(g: Graph, x: Value, step: Step): Value {
  const [below, above] = [step.integer('detect_negative', 1) === 1, step.integer('detect_positive', 1) === 1];
  const size = below && above ? g.abs(x) : above ? x : g.neg(x);
  return g.equal(size, Number.POSITIVE_INFINITY);
}

export const logic: Readonly<Record<string, Rule>> = {
  And: logical((g, a, b) => g.mul(a, b)),
  Equal: equal,
  Greater: compared((g, a, b) => g.greater(a, b)),
  GreaterOrEqual: compared((g, a, b) => g.greaterOrEqual(a, b)),
  IsInf: asked(isInfinite),
  IsNaN: asked((g, x) => not(g, g.equal(x, x))),
  Less: compared((g, a, b) => g.greater(b, a)),
  LessOrEqual: compared((g, a, b) => g.greaterOrEqual(b, a)),
  Not: asked(not),
  Or: logical((g, a, b) => g.maximum(a, b)),
  Where: where,
  Xor: logical((g, a, b) => g.abs(g.sub(a, b))),
};
