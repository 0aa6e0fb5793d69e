import { at, dense, tabulate } from '../../reference/dense.js';
import { elementCount } from '../../tensor.js';
import { broadcastShapes, extentOf, fixedExtent, formatShape, normalizeAxis, sameShape } from '../shapes.js';
import type { Primitive, Value } from '../value.js';
import type { Dim } from '../value-type.js';
import { sumTo } from './elementwise.js';

export const reshape: Primitive<{ readonly shape: readonly Dim[] }> = {
  name: 'reshape',
  movesElements: true,
  inferShape([x], { shape }, problem) {
    const from = extentOf(x!.shape);
    const to = extentOf(shape);
    const sameSymbols = from.symbols.join() === to.symbols.join();
    // A symbol may stand for what cannot be multiplied out here, such as batch times 10.
    const single = from.symbols.length === 1 || to.symbols.length === 1;
    const mayFit = sameSymbols ? from.count === to.count : from.symbols.length > 0 && to.symbols.length > 0 && single;
    if (!mayFit) throw problem(`cannot make ${formatShape(shape)} of it: the numbers of elements differ`);
    return [{ dtype: x!.dtype, shape }];
  },
  gradient: ({ graph, inputs, outputGradients }) => [graph.reshape(outputGradients[0]!, inputs[0]!.shape)],
  evaluate([x], { shape }, { extent }) {
    const numbers = shape.filter((dim) => typeof dim === 'number');
    const single = shape.length - numbers.length === 1;
    const rest = x!.data.length / elementCount(numbers);
    return [
      dense(
        shape.map((dim) => (typeof dim !== 'number' && single ? rest : extent(dim))),
        x!.data,
      ),
    ];
  },
  lower([x], { shape: dims }, { emit, integers, shape, outputs }) {
    const symbols = dims.filter((dim) => typeof dim === 'string');
    const target = symbols.length > 1 ? shape(dims) : integers(dims.map((dim) => (typeof dim === 'string' ? -1 : dim)));
    return [emit('Reshape', [x, target], {}, outputs[0]!)];
  },
};

export const transpose: Primitive<{ readonly perm: readonly number[] }> = {
  name: 'transpose',
  movesElements: true,
  inferShape([x], { perm }, problem) {
    const sorted = [...perm].sort((a, b) => a - b);
    if (perm.length !== x!.shape.length || sorted.some((axis, position) => axis !== position)) {
      throw problem(`cannot permute the axes by [${perm.join(', ')}]`);
    }
    return [{ dtype: x!.dtype, shape: perm.map((axis) => x!.shape[axis]!) }];
  },
  gradient({ graph, attributes: { perm }, outputGradients }) {
    return [
      graph.transpose(
        outputGradients[0]!,
        perm.map((_, axis) => perm.indexOf(axis)),
      ),
    ];
  },
  evaluate([x], { perm }) {
    const inverse = perm.map((_, axis) => perm.indexOf(axis));
    const shape = perm.map((axis) => x!.shape[axis]!);
    return [
      tabulate(shape, (index) =>
        at(
          x!,
          inverse.map((axis) => index[axis]!),
        ),
      ),
    ];
  },
  lower: (inputs, { perm }, { emit, outputs }) => [emit('Transpose', inputs, { perm }, outputs[0]!)],
};

export const expand: Primitive<{ readonly shape: readonly Dim[] }> = {
  name: 'expand',
  movesElements: true,
  inferShape([x], { shape }, problem) {
    const result = broadcastShapes(x!.shape, shape);
    if (result === undefined || !sameShape(result, shape)) throw problem(`cannot broadcast to ${formatShape(shape)}`);
    return [{ dtype: x!.dtype, shape }];
  },
  gradient: ({ graph, inputs, outputGradients }) => [sumTo(graph, outputGradients[0]!, inputs[0]!)],
  evaluate: ([x], { shape }, { extent }) => [tabulate(shape.map(extent), (index) => at(x!, index))],
  lower([x], { shape: dims }, { emit, shape, outputs }) {
    // An extent that x has already need not be read from the run: 1 broadcasts to it.
    const added = dims.length - x!.shape.length;
    const target = dims.map((dim, axis) => (x!.shape[axis - added] === dim ? 1 : dim));
    return [emit('Expand', [x, shape(target)], {}, outputs[0]!)];
  },
};

interface SliceAttributes {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
}

/** The bounds as numbers from 0. */
function sliceBounds({ start, end }: SliceAttributes, extent: number): readonly [number, number] {
  return [start < 0 ? start + extent : start, end < 0 ? end + extent : end];
}

function withExtent<T extends Dim>(shape: readonly T[], axis: number, extent: T): T[] {
  return shape.map((dim, position) => (position === axis ? extent : dim));
}

export const slice: Primitive<SliceAttributes> = {
  name: 'slice',
  movesElements: true,
  inferShape([x], attributes, problem) {
    const axis = normalizeAxis(attributes.axis, x!.shape.length, problem);
    const extent = fixedExtent(x!, axis, problem);
    const [start, end] = sliceBounds(attributes, extent);
    if (!(start >= 0 && start < end && end <= extent)) {
      throw problem(`cannot take [${attributes.start}, ${attributes.end}) of axis ${axis}, whose extent is ${extent}`);
    }
    return [{ dtype: x!.dtype, shape: withExtent(x!.shape, axis, end - start) }];
  },
  gradient({ graph, inputs, attributes, outputGradients }) {
    const x = inputs[0]!;
    const axis = attributes.axis < 0 ? attributes.axis + x.shape.length : attributes.axis;
    const extent = x.shape[axis] as number;
    const [start, end] = sliceBounds(attributes, extent);
    return [graph.pad(outputGradients[0]!, axis, start, extent - end)];
  },
  evaluate([x], attributes) {
    const axis = attributes.axis < 0 ? attributes.axis + x!.shape.length : attributes.axis;
    const [start, end] = sliceBounds(attributes, x!.shape[axis]!);
    return [
      tabulate(withExtent(x!.shape, axis, end - start), (index) =>
        at(x!, withExtent(index, axis, index[axis]! + start)),
      ),
    ];
  },
  lower: ([x], { axis, start, end }, { emit, integers, outputs }) => [
    emit('Slice', [x, integers([start]), integers([end]), integers([axis])], {}, outputs[0]!),
  ],
};

export const pad: Primitive<{ readonly axis: number; readonly before: number; readonly after: number }> = {
  name: 'pad',
  inferShape([x], { axis, before, after }, problem) {
    const position = normalizeAxis(axis, x!.shape.length, problem);
    if (before < 0 || after < 0) throw problem(`cannot pad by ${before} and ${after}: use slice() to cut`);
    const extent = fixedExtent(x!, position, problem);
    return [{ dtype: x!.dtype, shape: withExtent(x!.shape, position, before + extent + after) }];
  },
  gradient({ graph, inputs, attributes: { axis, before }, outputGradients }) {
    const extent = inputs[0]!.shape.at(axis) as number;
    return [graph.slice(outputGradients[0]!, axis, before, before + extent)];
  },
  evaluate([x], { axis, before, after }) {
    const position = axis < 0 ? axis + x!.shape.length : axis;
    const extent = x!.shape[position]!;
    return [
      tabulate(withExtent(x!.shape, position, before + extent + after), (index) => {
        const inner = index[position]! - before;
        return inner < 0 || inner >= extent ? 0 : at(x!, withExtent(index, position, inner));
      }),
    ];
  },
  lower: ([x], { axis, before, after }, { emit, integers, outputs }) => [
    emit('Pad', [x, integers([before, after]), undefined, integers([axis])], {}, outputs[0]!),
  ],
};

export const concat: Primitive<{ readonly axis: number }> = {
  name: 'concat',
  inferShape(inputs, { axis }, problem) {
    const [first] = inputs;
    if (first === undefined) throw problem('needs at least one value');
    const position = normalizeAxis(axis, first.shape.length, problem);
    let total = 0;
    for (const input of inputs) {
      const fits =
        input.shape.length === first.shape.length &&
        input.shape.every((dim, k) => k === position || dim === first.shape[k]);
      if (!fits) throw problem(`cannot join these shapes along axis ${position}`);
      if (input.dtype !== first.dtype) throw problem('needs operands of one dtype: cast() some of them', 'graph.dtype');
      total += fixedExtent(input, position, problem);
    }
    return [{ dtype: first.dtype, shape: withExtent(first.shape, position, total) }];
  },
  gradient({ graph, inputs, attributes: { axis }, outputGradients, needed }) {
    let start = 0;
    return inputs.map((input: Value, index) => {
      const from = start;
      start += input.shape.at(axis) as number;
      return needed[index] ? graph.slice(outputGradients[0]!, axis, from, start) : undefined;
    });
  },
  evaluate(inputs, { axis }) {
    const [first] = inputs;
    const position = axis < 0 ? axis + first!.shape.length : axis;
    const total = inputs.reduce((sum, { shape }) => sum + shape[position]!, 0);
    return [
      tabulate(withExtent(first!.shape, position, total), (index) => {
        let inner = index[position]!;
        let source = 0;
        while (inner >= inputs[source]!.shape[position]!) inner -= inputs[source++]!.shape[position]!;
        return at(inputs[source]!, withExtent(index, position, inner));
      }),
    ];
  },
  lower: (inputs, { axis }, { emit, outputs }) => [emit('Concat', inputs, { axis }, outputs[0]!)],
};

/** One value an extent of `sizes`, one behind the other along the axis. */
export const split: Primitive<{ readonly axis: number; readonly sizes: readonly number[] }> = {
  name: 'split',
  movesElements: true,
  inferShape([x], { axis, sizes }, problem) {
    const position = normalizeAxis(axis, x!.shape.length, problem);
    const extent = fixedExtent(x!, position, problem);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    if (total !== extent || sizes.some((size) => !Number.isInteger(size) || size < 1)) {
      throw problem(`cannot be cut into parts of [${sizes.join(', ')}] along axis ${position}`);
    }
    return sizes.map((size) => ({ dtype: x!.dtype, shape: withExtent(x!.shape, position, size) }));
  },
  gradient({ graph, outputs, attributes: { axis }, outputGradients }) {
    const parts = outputs.map(
      ({ dtype, shape }, index) => outputGradients[index] ?? graph.expand(graph.constant(0, dtype), shape),
    );
    return [graph.concat(parts, axis)];
  },
  evaluate([x], { axis, sizes }) {
    const position = axis < 0 ? axis + x!.shape.length : axis;
    let end = 0;
    return sizes.map((size) => {
      const start = end;
      end += size;
      return tabulate(withExtent(x!.shape, position, size), (index) =>
        at(x!, withExtent(index, position, index[position]! + start)),
      );
    });
  },
  lower: ([x], { axis, sizes }, { emitMany, integers, outputs }) => [
    ...emitMany('Split', [x, integers(sizes)], { axis }, outputs),
  ],
};
