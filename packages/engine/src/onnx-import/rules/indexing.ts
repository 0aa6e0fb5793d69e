import type { Value } from '../../graph/value.js';
import type { Dim } from '../../graph/value-type.js';
import { gathered, taken } from '../along.js';
import { axisOf, extentOf, isKnown, laidOut, type Rule, type Step, Unsupported, vector } from '../entries.js';

const gather: Rule = (step) => {
  const [x, indices] = [step.entry(0), step.entry(1)];
  const axis = axisOf(step.integer('axis', 0), x.shape.length);
  if (isKnown(x) && isKnown(indices) && x.shape.length === 1) {
    const rows = step.numbers(1).map((row) => x.elements[axisOf(row, x.elements.length)] as Dim);
    return [{ dtype: x.dtype, shape: indices.shape, elements: rows }];
  }
  const value = step.value(0);
  if (isKnown(indices) && indices.elements.length === 1) {
    const row = axisOf(step.numbers(1)[0] as number, extentOf(value, axis));
    const cut = step.g.slice(value, axis, row, row + 1);
    const before = value.shape.slice(0, axis);
    return [step.g.reshape(cut, [...before, ...indices.shape, ...value.shape.slice(axis + 1)])];
  }
  refuseSamples(value, axis);
  return [gathered(step, value, axis, step.value(1))];
};

function refuseSamples({ shape }: Value, axis: number): void {
  if (typeof shape[axis] === 'string') throw new Unsupported(`takes some of the '${shape[axis]}'`);
}

/** Elements along an axis, an index for each: a sum over the axis of what is where the indices are, and of nothing else. */
const gatherElements: Rule = (step) => {
  const { g } = step;
  const [x, given] = [step.value(0), step.value(1)];
  const last = x.shape.length - 1;
  const axis = axisOf(step.integer('axis', 0), x.shape.length);
  refuseSamples(x, axis);
  if (x.shape.some((extent, at) => at !== axis && extent !== given.shape[at])) {
    throw new Unsupported('has fewer indices than rows');
  }
  const perm = x.shape.map((_, at) => (at === axis ? last : at === last ? axis : at));
  const toLast = (value: Value) => (axis === last ? value : g.transpose(value, perm));
  const extent = extentOf(x, axis);
  const indices = g.select(g.greater(0, given), g.add(given, extent), given);
  const hits = g.oneHot(toLast(indices), extent);
  const rows = toLast(x);
  const each = g.reshape(rows, [...rows.shape.slice(0, -1), 1, extent]);
  // By choice and not by a product: what is not looked up may be infinite.
  return [toLast(g.sum(g.select(g.greater(hits, 0), each, 0), [-1]))];
};

/** Rows by known places along the first axes after those of the batch; exporters write a look-up along one axis so. */
const gatherAt: Rule = (step) => {
  if (step.integer('batch_dims', 0) !== 0) throw new Unsupported('has axes of a batch');
  const x = step.value(0);
  const indices = step.value(1);
  if (extentOf(indices, indices.shape.length - 1) !== 1) throw new Unsupported('has several indices for a row');
  refuseSamples(x, 0);
  return [step.g.gather(x, step.g.reshape(indices, indices.shape.slice(0, -1)))];
};

/** Ends that mean "to the end" are as large as an int64 is. */
const slice: Rule = (step) => {
  const x = step.entry(0);
  const [starts, ends] = [step.numbers(1), step.numbers(2)];
  const axes = step.has(3) ? step.numbers(3) : starts.map((_, axis) => axis);
  const sizes = step.has(4) ? step.numbers(4) : starts.map(() => 1);
  const placesAt = (at: number, extent: number) =>
    placesOf(starts[at] as number, ends[at] as number, sizes[at] as number, extent);
  if (isKnown(x) && x.shape.length === 1) {
    return [
      vector(
        x.dtype,
        placesAt(0, x.elements.length).map((place) => x.elements[place] as Dim),
      ),
    ];
  }
  return [axes.reduce((value, axis, at) => cut(step, value, axis, at), step.value(0))];

  function cut(context: Step, value: Value, axis: number, at: number): Value {
    const place = axisOf(axis, value.shape.length);
    const isWhole = starts[at] === 0 && (ends[at] as number) >= 2 ** 31 && sizes[at] === 1;
    if (isWhole) return value;
    refuseSamples(value, place);
    const places = placesAt(at, extentOf(value, place));
    if (places.length === 0) return context.g.slice(value, place, 0, 0);
    return taken(context, value, place, places);
  }
};

function placesOf(start: number, end: number, size: number, extent: number): readonly number[] {
  if (size === 0) throw new Unsupported('has a step of 0');
  const fromEnd = (place: number) => (place < 0 ? place + extent : place);
  const within = (place: number, least: number, most: number) => Math.min(most, Math.max(least, place));
  const isForward = size > 0;
  const first = isForward ? within(fromEnd(start), 0, extent) : within(fromEnd(start), 0, extent - 1);
  const stop = isForward ? within(fromEnd(end), 0, extent) : within(fromEnd(end), -1, extent - 1);
  const count = Math.max(0, Math.ceil((stop - first) / size));
  return Array.from({ length: laidOut(count) }, (_, at) => first + at * size);
}

/** The upper or lower triangle of matrices in the last two axes. */
const triangle: Rule = (step) => {
  const { g } = step;
  const x = step.value(0);
  const [rows, columns] = [extentOf(x, x.shape.length - 2), extentOf(x, x.shape.length - 1)];
  const diagonal = step.has(1) ? (step.numbers(1)[0] ?? 0) : 0;
  const isUpper = step.integer('upper', 1) === 1;
  const kept = Array.from({ length: laidOut(rows * columns) }, (_, at) => {
    const offset = (at % columns) - Math.floor(at / columns);
    return Number(isUpper ? offset >= diagonal : offset <= diagonal);
  });
  const mask = g.constant(kept, 'bool', [rows, columns]);
  // Not every runtime selects truth values.
  if (x.dtype === 'bool') return [g.greater(g.select(mask, g.cast(x, 'float32'), 0), 0)];
  return [g.select(mask, x, 0)];
};

const range: Rule = (step) => {
  const [start = 0, limit = 0, delta = 1] = [0, 1, 2].map((index) => step.numbers(index)[0]);
  if (delta === 0) throw new Unsupported('has a step of 0');
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  return [
    vector(
      step.known(0).dtype,
      Array.from({ length: laidOut(count) }, (_, at) => start + at * delta),
    ),
  ];
};

export const indexing: Readonly<Record<string, Rule>> = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherAt,
  Range: range,
  Slice: slice,
  Trilu: triangle,
};
