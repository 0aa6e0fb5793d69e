import type { Dim, ProblemFactory, ValueType } from './value-type.js';

export function formatShape(shape: readonly Dim[]): string {
  return `[${shape.join(', ')}]`;
}

export function sameShape(a: readonly Dim[], b: readonly Dim[]): boolean {
  return a.length === b.length && a.every((dim, axis) => dim === b[axis]);
}

/** The numpy broadcast of two shapes, or `undefined`. A symbol goes with itself and with 1 only. */
export function broadcastShapes(a: readonly Dim[], b: readonly Dim[]): Dim[] | undefined {
  const rank = Math.max(a.length, b.length);
  const result: Dim[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left !== right && left !== 1 && right !== 1) return undefined;
    result.push(left === 1 ? right : left);
  }
  return result;
}

/** The product of a shape's numbers, and its symbols in sorted order: what a reshape must keep. */
export function extentOf(shape: readonly Dim[]): { readonly count: number; readonly symbols: readonly string[] } {
  let count = 1;
  const symbols: string[] = [];
  for (const dim of shape) {
    if (typeof dim === 'number') count *= dim;
    else symbols.push(dim);
  }
  return { count, symbols: symbols.sort() };
}

/** A shape as a matrix: all axes but the last as one. Symbols make a new one, the same for the same axes. */
export function rowsOf(shape: readonly Dim[]): readonly [Dim, Dim] {
  const { count, symbols } = extentOf(shape.slice(0, -1));
  const factors = count === 1 && symbols.length > 0 ? symbols : [...symbols, count];
  const rows = symbols.length === 0 ? count : factors.join('*');
  return [rows, shape.at(-1) ?? 1];
}

/** The axis as a number from 0, also where it is counted from the end. */
export function normalizeAxis(axis: number, rank: number, problem: ProblemFactory): number {
  const result = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || result < 0 || result >= rank) throw problem(`has no axis ${axis}`);
  return result;
}

/** The extent at `axis`, which must be a number. */
export function fixedExtent(type: ValueType, axis: number, problem: ProblemFactory): number {
  const dim = type.shape[axis];
  if (typeof dim !== 'number') throw problem(`needs a fixed extent at axis ${axis}, not '${dim}'`);
  return dim;
}
