import { type DType, elementCount } from '../tensor.js';
import type { OnnxNodeFile } from './read-onnx.js';

/** A tensor of a run: its extents are numbers. */
export interface ShapedValue {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Elements of an int64 that is known before the run: shapes, axes, counts. */
  readonly integers?: readonly number[] | undefined;
}

/** What a node makes. `scratch`: elements that it takes beside them while it runs. */
export interface Made {
  readonly outputs: readonly ShapedValue[];
  readonly scratch?: number;
}

/** A node with its inputs; undefined: left out. */
export interface ShapedNode {
  readonly node: OnnxNodeFile;
  readonly inputs: readonly (ShapedValue | undefined)[];
}

export type Rule = (given: ShapedNode) => Made;

export function one(dtype: DType, shape: readonly number[], integers?: readonly number[]): Made {
  return { outputs: [{ dtype, shape, ...(integers?.length === elementCount(shape) && { integers }) }] };
}

export function operand(given: ShapedNode, index: number): ShapedValue {
  const value = given.inputs[index];
  if (value === undefined) throw unfit(given);
  return value;
}

/** Elements that must be known before the run. */
export function integers(given: ShapedNode, index: number): readonly number[] {
  const known = given.inputs[index]?.integers;
  if (known !== undefined) return known;
  throw new RangeError(`the shape that ${nodeText(given.node)} makes follows from its data`);
}

export function extents(given: ShapedNode, index: number): readonly number[] {
  return integers(given, index).map((one) => extent(given, one));
}

export function extent(given: ShapedNode, value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw unfit(given);
}

export function axisOf({ node }: ShapedNode, missing: number): number {
  return node.integers.get('axis') ?? missing;
}

export function placeOf(given: ShapedNode, axis: number, rank: number): number {
  const place = axis < 0 ? axis + rank : axis;
  if (Number.isInteger(place) && place >= 0 && place < rank) return place;
  throw unfit(given);
}

export function at(values: readonly number[], index: number): number {
  const value = values[index];
  if (value === undefined) throw new RangeError('an operator has fewer axes, windows or bounds than it needs');
  return value;
}

export function unfit({ node, inputs }: ShapedNode): RangeError {
  const shapes = inputs.map((value) =>
    value === undefined ? 'nothing' : `${value.dtype} [${value.shape.join(', ')}]`,
  );
  return new RangeError(`${nodeText(node)} cannot take ${shapes.join(' and ')}`.slice(0, 300));
}

/** A node for messages. */
export function nodeText({ name, op }: OnnxNodeFile): string {
  return name === '' ? `a node (${op})` : `node ${name} (${op})`;
}
