import type { Graph } from '../graph/graph.js';
import type { GraphNode, Value } from '../graph/value.js';
import type { Dim } from '../graph/value-type.js';
import type { LayerContext } from '../layers/types.js';
import { interpretConstant } from '../reference/interpret.js';
import type { DType, Tensor } from '../tensor.js';
import type { NodeFile } from './read-file.js';

/** What is known before the graph runs: constants, and shapes, among whose extents may be the batch's symbol. */
export interface Known {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly elements: readonly Dim[];
}

/** What an edge of the file stands for: a value of the graph, or something known. */
export type Entry = Value | Known;

export function isKnown(entry: Entry): entry is Known {
  return 'elements' in entry;
}

/** What a model computes with is float32 here. */
export function knownTensor({ dtype, shape, data }: Tensor): Known {
  return { dtype: dtype === 'float64' ? 'float32' : dtype, shape, elements: Array.from(data, Number) };
}

/** An int64 vector. */
export function knownDims(elements: readonly Dim[]): Known {
  return vector('int64', elements);
}

export function vector(dtype: DType, elements: readonly Dim[]): Known {
  return { dtype, shape: [elements.length], elements };
}

/** What a value is that follows from constants alone, such as a size that an exporter computes; undefined: it follows from more. */
export function knownValue(value: Value): Known | undefined {
  const shape = value.shape.filter((extent) => typeof extent === 'number');
  if (shape.length < value.shape.length || !isConstant(value)) return undefined;
  return { dtype: value.dtype, shape, elements: Array.from(interpretConstant(value).data, Number) };
}

/** Nodes of what an exporter computes a size with. */
const CONSTANT_NODES_MAX = 1000;

function isConstant(value: Value): boolean {
  const pending = new Set<GraphNode>([value.node]);
  for (const node of pending) {
    if (node.primitive.name !== 'constant' && node.inputs.length === 0) return false;
    if (!node.outputs.every(({ shape }) => isLaidOut(shape)) || pending.size > CONSTANT_NODES_MAX) return false;
    for (const input of node.inputs) pending.add(input.node);
  }
  return true;
}

function isLaidOut(shape: readonly Dim[]): boolean {
  const count = shape.reduce<number>((product, extent) => product * Number(extent), 1);
  return count <= LAID_OUT_MAX;
}

/** A node that does not become part of a training graph, and why. */
export class Unsupported extends Error {}

/** Numbers that a node may have laid out before the graph runs, such as a mask of a large image. */
const LAID_OUT_MAX = 2 ** 22;
/** Elements of a value for each sample, as of a plan's parameters. */
const ELEMENTS_MAX = 2 ** 28;
/** Of an extent: a product of the batch by itself so many times is none that a model has. */
const SYMBOLS_MAX = 16;

/** So many numbers, before memory is taken for them. @throws Unsupported */
export function laidOut(count: number): number {
  if (Number.isSafeInteger(count) && count >= 0 && count <= LAID_OUT_MAX) return count;
  throw new Unsupported(`lays ${count} numbers out before it runs; it may ${LAID_OUT_MAX}`);
}

/** What a rule made, where it is of a size that there is. @throws Unsupported */
export function sized(made: readonly Entry[]): readonly Entry[] {
  for (const entry of made) {
    if (isKnown(entry)) laidOut(entry.elements.length);
    const extents = entry.shape.flatMap((extent: Dim) => (typeof extent === 'number' ? [extent] : []));
    const isWhole = extents.every((extent) => Number.isSafeInteger(extent) && extent >= 0);
    if (isWhole && extents.reduce((product, extent) => product * extent, 1) <= ELEMENTS_MAX) continue;
    throw new Unsupported(`makes [${entry.shape.join(', ')}]; it may make ${ELEMENTS_MAX} numbers of a sample`);
  }
  return made;
}

/** One node on its way into a graph. */
export class Step {
  constructor(
    readonly g: Graph,
    readonly node: NodeFile,
    readonly inputs: readonly (Entry | undefined)[],
    readonly context: LayerContext,
    /** Extent of the batch in the file, where its exporter fixed it. */
    readonly fixedBatch: number | undefined,
    /** New values of buffers, by the names of the file's constants. */
    readonly buffers: Map<string, Value>,
  ) {}

  entry(index: number): Entry {
    const found = this.inputs[index];
    if (found === undefined) throw new Unsupported(`lacks its input ${index + 1}`);
    return found;
  }

  has(index: number): boolean {
    return this.inputs[index] !== undefined;
  }

  /** An input as a value; what is known becomes a constant. */
  value(index: number): Value {
    const found = this.entry(index);
    return isKnown(found) ? asValue(this.g, found) : found;
  }

  /** An input that must be known. */
  known(index: number): Known {
    const found = this.entry(index);
    const known = isKnown(found) ? found : knownValue(found);
    if (known !== undefined) return known;
    throw new Unsupported(`has an input ${index + 1} that is not known before it runs`);
  }

  /** Elements of an input that must be known numbers. */
  numbers(index: number): readonly number[] {
    return this.known(index).elements.map((element) => {
      if (typeof element === 'number') return element;
      throw new Unsupported(`computes with the extent '${element}'`);
    });
  }

  integer(name: string, missing: number): number {
    return this.node.attributes.get(name)?.integer ?? missing;
  }

  float(name: string, missing: number): number {
    return this.node.attributes.get(name)?.float ?? missing;
  }

  text(name: string, missing: string): string {
    return this.node.attributes.get(name)?.text ?? missing;
  }

  /** Undefined: it is not there. */
  integers(name: string): readonly number[] | undefined {
    return this.node.attributes.get(name)?.integers;
  }

  /** Axes of an attribute, or in later versions of an input. */
  axes(index: number): readonly number[] | undefined {
    return this.integers('axes') ?? (this.has(index) ? this.numbers(index) : undefined);
  }
}

export type Rule = (step: Step) => readonly Entry[];

export function asValue(g: Graph, { dtype, shape, elements }: Known): Value {
  const numbers = elements.map((element) => {
    if (typeof element === 'number') return element;
    throw new Unsupported(`computes with the extent '${element}'`);
  });
  return g.constant(numbers, dtype, shape);
}

export function axisOf(axis: number, rank: number): number {
  const place = axis < 0 ? axis + rank : axis;
  if (place >= 0 && place < rank) return place;
  throw new Unsupported(`has the axis ${axis} of ${rank}`);
}

/** Over an axis of the batch, samples would meet, and places that hold none. @throws Unsupported */
export function refuseBatch({ shape }: Value, axes: readonly number[]): void {
  for (const axis of axes) {
    const extent = shape[axisOf(axis, shape.length)];
    if (typeof extent === 'string') throw new Unsupported(`goes over the samples of a batch ('${extent}')`);
  }
}

/** An extent that must be a number. */
export function extentOf(value: Value, axis: number): number {
  const extent = value.shape[axisOf(axis, value.shape.length)];
  if (typeof extent === 'number') return extent;
  throw new Unsupported(`needs a fixed extent at axis ${axis}, and it is '${extent}'`);
}

/** A product of extents: its number, and its symbols in sorted order. Symbols may be products themselves: `batch*2`. */
export interface Extents {
  readonly count: number;
  readonly symbols: readonly string[];
}

export function countOf(extents: readonly Dim[]): Extents {
  const factors = extents.flatMap((extent): readonly Dim[] =>
    typeof extent === 'number'
      ? [extent]
      : extent.split('*').map((factor) => (/^\d+$/.test(factor) ? Number(factor) : factor)),
  );
  return {
    count: factors.reduce<number>((product, factor) => (typeof factor === 'number' ? product * factor : product), 1),
    symbols: factors.filter((factor) => typeof factor === 'string').sort(),
  };
}

/** The extent that it is. */
export function productOf({ count, symbols }: Extents): Dim {
  if (symbols.length === 0) return count;
  if (symbols.length > SYMBOLS_MAX) throw new Unsupported('multiplies the number of samples by itself');
  return count === 1 ? symbols.join('*') : [...symbols, count].join('*');
}
