import type { Value } from '../../graph/value.js';
import type { Dim } from '../../graph/value-type.js';
import { elementCount } from '../../tensor.js';
import {
  axisOf,
  countOf,
  type Entry,
  extentOf,
  isKnown,
  type Known,
  knownDims,
  knownTensor,
  laidOut,
  productOf,
  type Rule,
  refuseBatch,
  type Step,
  Unsupported,
  vector,
} from '../entries.js';

const shape: Rule = (step) => {
  const x = step.entry(0);
  const whole: readonly Dim[] = x.shape;
  return [knownDims(whole.slice(step.integer('start', 0), step.node.attributes.get('end')?.integer ?? whole.length))];
};

const constant: Rule = (step) => {
  const { attributes } = step.node;
  const [tensor, integer, float] = [
    attributes.get('value')?.tensor,
    attributes.get('value_int')?.integer,
    attributes.get('value_float')?.float,
  ];
  if (tensor !== undefined) return [knownTensor(tensor)];
  if (integer !== undefined) return [{ dtype: 'int64', shape: [], elements: [integer] }];
  if (float !== undefined) return [{ dtype: 'float32', shape: [], elements: [float] }];
  const integers = attributes.get('value_ints')?.integers;
  if (integers !== undefined) return [knownDims(integers)];
  const floats = attributes.get('value_floats')?.floats;
  if (floats !== undefined) return [vector('float32', floats)];
  throw new Unsupported('is a constant of another kind than numbers');
};

const constantOfShape: Rule = (step) => {
  const value = step.node.attributes.get('value')?.tensor;
  const { dtype, elements } = value === undefined ? { dtype: 'float32' as const, elements: [0] } : knownTensor(value);
  const extents = step.known(0).elements;
  if (extents.every((extent) => typeof extent === 'number')) {
    const count = extents.reduce<number>((product, extent) => product * Number(extent), 1);
    return [{ dtype, shape: extents.map(Number), elements: new Array<Dim>(laidOut(count)).fill(elements[0] ?? 0) }];
  }
  return [step.g.expand(step.g.constant(Number(elements[0] ?? 0), dtype), extents)];
};

/** Extents for a reshape, with 0 and -1 as ONNX has them, and the batch where the exporter fixed it. */
function target(x: Value, wanted: readonly Dim[], step: Step): readonly Dim[] {
  const keepsZeros = step.integer('allowzero', 0) === 0;
  const given = wanted.map((extent, axis) => (extent === 0 && keepsZeros ? (x.shape[axis] ?? 0) : extent));
  const { count, symbols } = countOf(x.shape);
  const open = given.indexOf(-1);
  const rest = countOf(given.filter((extent) => extent !== -1));
  const filled = (along: Dim) => given.map((extent) => (extent === -1 ? along : extent));
  const unfit = () => new Unsupported(`makes [${wanted.join(', ')}] of [${x.shape.join(', ')}]`);
  const ratio = count / rest.count;
  if (open >= 0 && rest.symbols.join() === symbols.join()) return filled(ratio);
  if (rest.symbols.length > 0) {
    if (open < 0) return given;
    throw unfit();
  }
  if (symbols.length === 0) return open < 0 ? given : filled(ratio);
  // No symbol in what is wanted: the first extent is the batch that the exporter had, or the open one takes it along.
  const [first, ...others] = given;
  if (first !== -1 && first === step.fixedBatch) {
    const fixed = countOf(others.filter((extent) => extent !== -1)).count;
    return [productOf({ count: 1, symbols }), ...others.map((extent) => (extent === -1 ? count / fixed : extent))];
  }
  if (open < 0 || !Number.isInteger(ratio)) throw unfit();
  return filled(productOf({ count: ratio, symbols }));
}

const reshape: Rule = (step) => {
  const x = step.entry(0);
  const wanted = step.known(1).elements;
  if (!isKnown(x)) return [step.g.reshape(x, target(x, wanted, step))];
  const keepsZeros = step.integer('allowzero', 0) === 0;
  const extents = wanted.map((extent, axis) => {
    if (typeof extent === 'string') throw new Unsupported(`makes [${wanted.join(', ')}] of a constant`);
    return extent === 0 && keepsZeros ? (x.shape[axis] ?? 0) : extent;
  });
  const rest = extents.reduce((product, extent) => (extent === -1 ? product : product * extent), 1);
  return [{ ...x, shape: extents.map((extent) => (extent === -1 ? x.elements.length / rest : extent)) }];
};

const flatten: Rule = (step) => {
  const x = step.value(0);
  const axis = step.integer('axis', 1);
  if (axis !== 1) throw new Unsupported(`flattens from axis ${axis}`);
  const count = x.shape.slice(1).reduce<number>((product, _, at) => product * extentOf(x, at + 1), 1);
  return [step.g.reshape(x, [x.shape[0] as Dim, count])];
};

const size: Rule = (step) => [{ dtype: 'int64', shape: [], elements: [productOf(countOf(step.entry(0).shape))] }];

/** Copies side by side. */
const tile: Rule = (step) => {
  const x = step.value(0);
  return [
    step.numbers(1).reduce((value, count, axis) => {
      if (count === 1) return value;
      refuseBatch(value, [axis]);
      return step.g.concat(new Array<Value>(laidOut(count)).fill(value), axis);
    }, x),
  ];
};

const transpose: Rule = (step) => {
  const x = step.value(0);
  const perm = step.integers('perm') ?? x.shape.map((_, axis) => x.shape.length - 1 - axis);
  return [step.g.transpose(x, perm)];
};

const unsqueeze: Rule = (step) => {
  const x = step.entry(0);
  const axes = step.axes(1) ?? [];
  const rank = x.shape.length + axes.length;
  const places = new Set(axes.map((axis) => axisOf(axis, rank)));
  const extents = [...x.shape];
  const made = Array.from({ length: rank }, (_, axis): Dim => (places.has(axis) ? 1 : (extents.shift() as Dim)));
  return [reshaped(step, x, made)];
};

const squeeze: Rule = (step) => {
  const x = step.entry(0);
  const axes = step.axes(1) ?? x.shape.flatMap((extent, axis) => (extent === 1 ? [axis] : []));
  const gone = new Set(axes.map((axis) => axisOf(axis, x.shape.length)));
  return [
    reshaped(
      step,
      x,
      x.shape.filter((_, axis) => !gone.has(axis)),
    ),
  ];
};

function reshaped({ g }: Step, x: Entry, extents: readonly Dim[]): Entry {
  return isKnown(x) ? { ...x, shape: extents.map(Number) } : g.reshape(x, extents);
}

const concat: Rule = (step) => {
  const entries = [step.entry(0), ...step.node.inputs.slice(1).map((_, index) => step.entry(index + 1))];
  const axis = step.integer('axis', 0);
  if (entries.every((entry) => isKnown(entry) && entry.shape.length === 1)) {
    const first = entries[0] as Known;
    return [vector(first.dtype, first.elements.concat(...entries.slice(1).map((entry) => (entry as Known).elements)))];
  }
  return [
    step.g.concat(
      entries.map((_, index) => step.value(index)),
      axis,
    ),
  ];
};

const split: Rule = (step) => {
  const x = step.value(0);
  const axis = axisOf(step.integer('axis', 0), x.shape.length);
  const count = step.node.outputs.length;
  const each = Math.ceil(extentOf(x, axis) / count);
  const even = Array.from({ length: count }, (_, at) => Math.min(each, extentOf(x, axis) - at * each));
  return step.g.split(x, axis, step.integers('split') ?? (step.has(1) ? step.numbers(1) : even));
};

const expand: Rule = (step) => {
  const wanted = step.known(1).elements;
  const given = step.entry(0);
  if (isKnown(given) && given.elements.length === 1 && wanted.every((extent) => typeof extent === 'number')) {
    const rank = Math.max(given.shape.length, wanted.length);
    const shape = Array.from({ length: rank }, (_, axis) => Number(wanted[axis - rank + wanted.length] ?? 1));
    return [{ ...given, shape, elements: new Array<Dim>(laidOut(elementCount(shape))).fill(given.elements[0] as Dim) }];
  }
  const x = step.value(0);
  const rank = Math.max(x.shape.length, wanted.length);
  const at = (dims: readonly Dim[], axis: number) => dims[axis - rank + dims.length] ?? 1;
  const extents = Array.from({ length: rank }, (_, axis) => {
    const [own, other] = [at(x.shape, axis), at(wanted, axis)];
    return other === 1 || (axis === 0 && other === step.fixedBatch && typeof own === 'string') ? own : other;
  });
  return [step.g.expand(x, extents)];
};

export const shapes: Readonly<Record<string, Rule>> = {
  Concat: concat,
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Expand: expand,
  Flatten: flatten,
  Reshape: reshape,
  Shape: shape,
  Size: size,
  Split: split,
  Squeeze: squeeze,
  Tile: tile,
  Transpose: transpose,
  Unsqueeze: unsqueeze,
};
