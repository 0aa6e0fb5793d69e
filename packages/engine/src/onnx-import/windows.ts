import type { Graph } from '../graph/graph.js';
import type { Value } from '../graph/value.js';
import { extentOf, type Step, Unsupported } from './entries.js';

export type Pair = readonly [number, number];
export type Four = readonly [number, number, number, number];

/** `[N, C, H, W]` as it is, `[N, C, L]` with a height of 1; kernels alike. */
export function asImages(g: Graph, x: Value): Value {
  if (x.shape.length === 4) return x;
  const [first, second, third, ...more] = x.shape;
  if (first === undefined || second === undefined || third === undefined || more.length > 0) {
    throw new Unsupported('is of other than one or two dimensions');
  }
  return g.reshape(x, [first, second, 1, third]);
}

/** A size for height and width; in one dimension, that of the height is `single`. */
export function spatialPair(step: Step, name: string, missing: Pair, single = 1): Pair {
  const given = step.integers(name);
  if (given === undefined || given.length === 0) return missing;
  const [first, second, ...more] = given.length === 1 ? [single, ...given] : given;
  if (first === undefined || second === undefined || more.length > 0) {
    throw new Unsupported('is of other than one or two dimensions');
  }
  return [first, second];
}

/** Padding at the top, left, bottom and right. */
export function fourPads(step: Step, x: Value, window: Pair, strides: Pair): Four {
  const automatic = step.text('auto_pad', 'NOTSET');
  if (automatic === 'NOTSET') {
    const pads = step.integers('pads') ?? [];
    const [first, second, third, fourth, ...more] = pads;
    if (first === undefined) return [0, 0, 0, 0];
    if (second !== undefined && third === undefined) return [0, first, 0, second];
    if (second === undefined || third === undefined || fourth === undefined || more.length > 0) {
      throw new Unsupported('is of other than one or two dimensions');
    }
    return [first, second, third, fourth];
  }
  if (automatic === 'VALID') return [0, 0, 0, 0];
  const sides = (at: 0 | 1): Pair => {
    const input = extentOf(x, at + 2);
    const total = Math.max(0, (Math.ceil(input / strides[at]) - 1) * strides[at] + window[at] - input);
    const less = Math.floor(total / 2);
    return automatic === 'SAME_UPPER' ? [less, total - less] : [total - less, less];
  };
  const [rows, columns] = [sides(0), sides(1)];
  return [rows[0], columns[0], rows[1], columns[1]];
}
