import type { DataSpec } from '@fedloom/engine';
import type { ClientExamples } from './dataset.js';
import type { DataDescription, NumbersDescription, TextsDescription } from './description.js';
import { gatherExamples } from './gather.js';

/** More texts in a column than this are no categories. */
export const CATEGORIES_MAX = 100;

/** More inputs than this are described as one column. */
const INPUTS_MAX = 64;

/** Mean and deviation of those values that are numbers; of none 0 and 0. */
export function momentsOf(values: readonly number[]): { readonly mean: number; readonly deviation: number } {
  const known = values.filter((value) => !Number.isNaN(value));
  if (known.length === 0) return { mean: 0, deviation: 0 };
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  const squares = known.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / known.length) };
}

/** @param values NaN where they are blank */
export function describeNumbers(name: string, values: readonly number[]): NumbersDescription {
  const known = values.filter((value) => !Number.isNaN(value));
  const extreme = (better: (a: number, b: number) => number) => known.reduce((a, b) => better(a, b), known[0] ?? 0);
  return {
    kind: 'numbers',
    name,
    count: known.length,
    blank: values.length - known.length,
    ...momentsOf(values),
    minimum: extreme(Math.min),
    maximum: extreme(Math.max),
  };
}

/** @param texts undefined where they are blank */
export function describeTexts(name: string, texts: readonly (string | undefined)[]): TextsDescription {
  const counts = new Map<string, number>();
  for (const text of texts) if (text !== undefined) counts.set(text, (counts.get(text) ?? 0) + 1);
  const count = [...counts.values()].reduce((sum, one) => sum + one, 0);
  return textsDescription(name, counts, count, texts.length - count, counts.size);
}

function textsDescription(
  name: string,
  counts: ReadonlyMap<string, number>,
  count: number,
  blank: number,
  distinct: number,
): TextsDescription {
  const sorted = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  const few = distinct <= CATEGORIES_MAX && counts.size === distinct;
  return { kind: 'texts', name, count, blank, distinct, ...(few && { texts: Object.fromEntries(sorted) }) };
}

/** Samples of any data set, as the model sees them: the inputs as `x[0]`, `x[1]`, ..., and `y`. */
export function describeExamples(examples: ClientExamples, spec: DataSpec): DataDescription {
  const { x, y } = gatherExamples(examples);
  const samples = x.shape[0] ?? 0;
  const width = samples === 0 ? 0 : x.data.length / samples;
  const values = Array.from(x.data as ArrayLike<number>);
  const inputs =
    width > INPUTS_MAX
      ? [describeNumbers('x', values)]
      : Array.from({ length: width }, (_, at) =>
          describeNumbers(
            width === 1 ? 'x' : `x[${at}]`,
            values.filter((_value, place) => place % width === at),
          ),
        );
  const targets = Array.from(y.data as ArrayLike<number>);
  const told = spec.y.classes === undefined ? describeNumbers('y', targets) : describeTexts('y', targets.map(String));
  return { samples, columns: [...inputs, told], label: 'y', encoded: true };
}

/**
 * What is known of several sites' samples together. Means and deviations are those of all their rows, up to rounding.
 * @param unlike makes the error for descriptions whose columns are others, or of another kind, from a text that says which
 */
export function mergeDescriptions(
  descriptions: readonly DataDescription[],
  unlike: (what: string) => Error,
): DataDescription | undefined {
  const [first, ...others] = descriptions;
  if (first === undefined || others.length === 0) return first;
  for (const other of others) {
    const names = (one: DataDescription) => one.columns.map(({ name }) => name).join(', ');
    if (names(other) !== names(first)) throw unlike(`columns ${names(first)}, and columns ${names(other)}`);
  }
  if (descriptions.some(({ vocabulary }) => vocabulary !== undefined))
    throw unlike('texts, whose vocabularies do not add up');
  return {
    ...first,
    samples: descriptions.reduce((sum, { samples }) => sum + samples, 0),
    columns: first.columns.map(({ name }, at) => {
      const parts = descriptions.flatMap(({ columns }) => columns[at] ?? []);
      const numbers = parts.filter((part) => part.kind === 'numbers');
      if (numbers.length === parts.length) return mergeNumbers(name, numbers);
      const texts = parts.filter((part) => part.kind === 'texts');
      if (texts.length === parts.length) return mergeTexts(name, texts);
      throw unlike(`numbers, and texts, in column "${name}"`);
    }),
  };
}

function mergeNumbers(name: string, parts: readonly NumbersDescription[]): NumbersDescription {
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  const over = (value: (part: NumbersDescription) => number) =>
    count === 0 ? 0 : parts.reduce((sum, part) => sum + part.count * value(part), 0) / count;
  const mean = over((part) => part.mean);
  const variance = over((part) => part.deviation ** 2 + (part.mean - mean) ** 2);
  const known = parts.filter((part) => part.count > 0);
  const texts = parts.flatMap((part) => Object.entries(part.texts ?? {}));
  return {
    kind: 'numbers',
    name,
    count,
    blank: parts.reduce((sum, part) => sum + part.blank, 0),
    mean,
    deviation: Math.sqrt(variance),
    ...(texts.length > 0 && { texts: added(texts) }),
    minimum: known.reduce((least, part) => Math.min(least, part.minimum), known[0]?.minimum ?? 0),
    maximum: known.reduce((most, part) => Math.max(most, part.maximum), known[0]?.maximum ?? 0),
  };
}

function mergeTexts(name: string, parts: readonly TextsDescription[]): TextsDescription {
  const counts = new Map(Object.entries(added(parts.flatMap(({ texts }) => Object.entries(texts ?? {})))));
  const all = (value: (part: TextsDescription) => number) => parts.reduce((sum, part) => sum + value(part), 0);
  // Where one has too many to list, all have.
  const distinct = Math.max(counts.size, ...parts.map((part) => part.distinct));
  return textsDescription(
    name,
    counts,
    all((part) => part.count),
    all((part) => part.blank),
    distinct,
  );
}

function added(counts: readonly (readonly [text: string, count: number])[]): Readonly<Record<string, number>> {
  const sums = new Map<string, number>();
  for (const [text, count] of counts) sums.set(text, (sums.get(text) ?? 0) + count);
  return Object.fromEntries(sums);
}
