import { at, dense, eachIndex, offsetOf, tabulate } from '../../reference/dense.js';
import { makeTensor } from '../constant-data.js';
import { normalizeAxis } from '../shapes.js';
import type { Primitive, Value } from '../value.js';
import { type Dim, isFloat } from '../value-type.js';

export interface StandardizeAttributes {
  /** From 0. */
  readonly axes: readonly number[];
  readonly epsilon: number;
}

/**
 * (x - mean) / deviation, deviation = sqrt(mean of squares + epsilon), over some axes; the deviation is a second result. One primitive because
 * its gradient, by what it gives itself, takes half the passes of that of its parts.
 */
export const standardize: Primitive<StandardizeAttributes> = {
  name: 'standardize',
  inferShape([x], { axes }, problem) {
    if (!isFloat(x!.dtype)) throw problem('takes floats only', 'graph.dtype');
    for (const axis of axes) normalizeAxis(axis, x!.shape.length, problem);
    return [x!, { dtype: x!.dtype, shape: reducedShape(x!.shape, axes) }];
  },
  // dx = (d - mean(d) - y mean(d y)) / deviation; the deviation's own is y / n.
  gradient({ graph, attributes: { axes }, outputs, outputGradients }) {
    const [y, deviation] = outputs as readonly [Value, Value];
    const [d, ofDeviation] = outputGradients;
    const parts: Value[] = [];
    if (d !== undefined) {
      const along = graph.mul(y, graph.mean(graph.mul(d, y), axes, true));
      parts.push(graph.div(graph.sub(graph.sub(d, graph.mean(d, axes, true)), along), deviation));
    }
    if (ofDeviation !== undefined) {
      const count = axes.reduce((product, axis) => product * Number(y.shape[axis]), 1);
      parts.push(graph.mul(y, graph.mul(ofDeviation, 1 / count)));
    }
    return [parts.reduce((sum, part) => graph.add(sum, part))];
  },
  evaluate([x], { axes, epsilon }) {
    const shape = reducedShape(x!.shape, axes) as number[];
    const count =
      x!.data.length /
      Math.max(
        1,
        shape.reduce((product, extent) => product * extent, 1),
      );
    const [means, squares] = [dense(shape), dense(shape)];
    const group = (index: readonly number[]) => offsetOf(shape, index);
    eachIndex(x!.shape, (index, place) => {
      means.data[group(index)]! += x!.data[place]! / count;
    });
    eachIndex(x!.shape, (index, place) => {
      squares.data[group(index)]! += (x!.data[place]! - means.data[group(index)]!) ** 2 / count;
    });
    const deviation = dense(
      shape,
      squares.data.map((square) => Math.sqrt(square + epsilon)),
    );
    return [tabulate(x!.shape, (index) => (at(x!, index) - at(means, index)) / at(deviation, index)), deviation];
  },
  lower([x], { axes, epsilon }, { emit, constant, integers, outputs }) {
    const [type, reduced] = outputs as readonly [(typeof outputs)[0], (typeof outputs)[0]];
    const mean = (value: typeof x) => emit('ReduceMean', [value, integers(axes)], { keepdims: 1 }, reduced);
    const centred = emit('Sub', [x, mean(x)], {}, type);
    const variance = mean(emit('Mul', [centred, centred], {}, type));
    const shifted = emit('Add', [variance, constant(makeTensor(epsilon, type.dtype))], {}, reduced);
    const deviation = emit('Sqrt', [shifted], {}, reduced);
    return [emit('Div', [centred, deviation], {}, type), deviation];
  },
};

function reducedShape(shape: readonly Dim[], axes: readonly number[]): Dim[] {
  return shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
}
