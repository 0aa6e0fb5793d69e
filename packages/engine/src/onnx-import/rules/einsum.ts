import type { Value } from '../../graph/value.js';
import type { Dim } from '../../graph/value-type.js';
import { countOf, productOf, type Rule, type Step, Unsupported } from '../entries.js';

/** A sum of products over named axes: of one value its sum and order of axes, of two a product of matrices. */
const einsum: Rule = (step) => {
  const equation = step.text('equation', '').replaceAll(' ', '');
  const [left = '', right] = equation.split('->');
  const names = left.split(',').map((one) => [...one]);
  const counts = names.flat().sort();
  const output =
    right === undefined ? counts.filter((name) => counts.indexOf(name) === counts.lastIndexOf(name)) : [...right];
  const [a = [], b, ...more] = names;
  const isPlain = [...names, output].every((one) => new Set(one).size === one.length && !one.includes('.'));
  if (!isPlain || more.length > 0) throw new Unsupported(`computes ${equation}`);
  const first = summed(step, step.value(0), a, [...(b ?? []), ...output]);
  if (b === undefined) return [ordered(step, first, output)];
  const second = summed(step, step.value(1), b, [...a, ...output]);
  return [ordered(step, product(step, first, second, output), output)];
};

interface Named {
  readonly value: Value;
  /** Of its axes. */
  readonly names: readonly string[];
}

/** Without the axes that nothing else has. */
function summed({ g }: Step, value: Value, names: readonly string[], others: readonly string[]): Named {
  const axes = names.flatMap((name, axis) => (others.includes(name) ? [] : [axis]));
  return { value: g.sum(value, axes), names: names.filter((name) => others.includes(name)) };
}

function ordered({ g }: Step, { value, names }: Named, output: readonly string[]): Value {
  const perm = output.map((name) => names.indexOf(name));
  return perm.every((axis, at) => axis === at) ? value : g.transpose(value, perm);
}

/** Axes of both that stay are those of a stack of matrices; those of both that go are multiplied out. */
function product(step: Step, a: Named, b: Named, output: readonly string[]): Named {
  const { g } = step;
  const stack = a.names.filter((name) => b.names.includes(name) && output.includes(name));
  const inner = a.names.filter((name) => b.names.includes(name) && !output.includes(name));
  const rows = a.names.filter((name) => !b.names.includes(name));
  const columns = b.names.filter((name) => !a.names.includes(name));
  const extents = new Map<string, Dim>();
  for (const { value, names } of [a, b])
    for (const [axis, name] of names.entries()) extents.set(name, value.shape[axis] ?? 1);
  const extentsOf = (names: readonly string[]) => names.map((name) => extents.get(name) ?? 1);
  const flat = (names: readonly string[]) => productOf(countOf(extentsOf(names)));
  const matrices = (named: Named, first: readonly string[], second: readonly string[]) =>
    g.reshape(ordered(step, named, [...stack, ...first, ...second]), [...extentsOf(stack), flat(first), flat(second)]);
  const found = g.matmul(matrices(a, rows, inner), matrices(b, inner, columns));
  const names = [...stack, ...rows, ...columns];
  return { value: g.reshape(found, extentsOf(names)), names };
}

export const products: Readonly<Record<string, Rule>> = { Einsum: einsum };
