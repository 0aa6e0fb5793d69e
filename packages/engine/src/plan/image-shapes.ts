import { elementCount } from '../tensor.js';
import { at, extent, type Made, one, operand, type ShapedNode, unfit } from './shaped-values.js';

export function convolution(given: ShapedNode): Made {
  const [x, w] = [operand(given, 0), operand(given, 1)];
  const kernel = w.shape.slice(2);
  const { lists } = given.node;
  const [pads, dilations] = [lists.get('pads') ?? [0, 0, 0, 0], lists.get('dilations') ?? [1, 1]];
  const strides = lists.get('strides') ?? [1, 1];
  const made = spatially(given, x.shape, (size, axis) => {
    const window = at(dilations, axis) * (at(kernel, axis) - 1) + 1;
    return Math.floor((size + at(pads, axis) + at(pads, axis + 2) - window) / at(strides, axis)) + 1;
  });
  const shape = [at(made, 0), at(w.shape, 0), ...made.slice(2)];
  // One image with each window laid out.
  return { ...one(x.dtype, shape), scratch: elementCount(w.shape.slice(1)) * elementCount(shape.slice(2)) };
}

export function transposedConvolution(given: ShapedNode): Made {
  const [x, w] = [operand(given, 0), operand(given, 1)];
  const { lists, integers } = given.node;
  const [pads, dilations] = [lists.get('pads') ?? [0, 0, 0, 0], lists.get('dilations') ?? [1, 1]];
  const [strides, rest] = [lists.get('strides') ?? [1, 1], lists.get('output_padding') ?? [0, 0]];
  const made = spatially(given, x.shape, (size, axis) => {
    const window = at(dilations, axis) * (at(w.shape, axis + 2) - 1) + 1;
    const whole = at(strides, axis) * (size - 1) + at(rest, axis) + window;
    return whole - at(pads, axis) - at(pads, axis + 2);
  });
  const channels = extent(given, at(w.shape, 1) * (integers.get('group') ?? 1));
  const shape = [at(made, 0), channels, ...made.slice(2)];
  return { ...one(x.dtype, shape), scratch: elementCount(w.shape.slice(1)) * elementCount(x.shape.slice(2)) };
}

export function pool(given: ShapedNode): Made {
  const { dtype, shape } = operand(given, 0);
  const [kernel, strides] = windows(given);
  return one(
    dtype,
    spatially(given, shape, (size, axis) => Math.floor((size - at(kernel, axis)) / at(strides, axis)) + 1),
  );
}

export function windows({ node }: ShapedNode): readonly [kernel: readonly number[], strides: readonly number[]] {
  return [node.lists.get('kernel_shape') ?? [], node.lists.get('strides') ?? [1, 1]];
}

/** Images `[n, channels, height, width]` of another size. */
export function spatially(
  given: ShapedNode,
  shape: readonly number[],
  size: (extent: number, axis: number) => number,
): readonly number[] {
  const [images, channels, ...area] = shape;
  if (images === undefined || channels === undefined || area.length !== 2) throw unfit(given);
  return [images, channels, ...area.map((one, axis) => extent(given, size(one, axis)))];
}
