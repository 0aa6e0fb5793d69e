import type { OnnxValue } from '../../onnx/ir.js';
import type { Conv2dOptions } from '../image-options.js';
import type { LowerContext } from '../value.js';
import type { Dim, ValueType } from '../value-type.js';

export interface WeightGradientAttributes extends Conv2dOptions {
  readonly kernel: readonly [number, number];
}

/** Input rows and columns after the last window. */
export function remainders(
  input: readonly [number, number],
  kernel: readonly [number, number],
  { strides, padding: [top, left, bottom, right], dilations = [1, 1] }: Conv2dOptions,
): [number, number] {
  return [
    (input[0] + top + bottom - dilations[0] * (kernel[0] - 1) - 1) % strides[0],
    (input[1] + left + right - dilations[1] * (kernel[1] - 1) - 1) % strides[1],
  ];
}

/**
 * The weight gradient as a convolution: images and channels change places, the gradient is the kernel, and stride and
 * dilation change places too. What no window reached is taken off the padding, or off the image where that is not enough.
 * Of groups each has its own images for channels: the gradient's filters are the groups' as they stand.
 */
export function loweredWeightGradient(
  x: OnnxValue,
  d: OnnxValue,
  attributes: WeightGradientAttributes,
  context: LowerContext,
): OnnxValue {
  const { emit, outputs } = context;
  const { kernel, strides, groups = 1, dilations = [1, 1] } = attributes;
  const [top, left, bottom, right] = attributes.padding;
  const size = x.shape.slice(2) as [number, number];
  const rest = remainders(size, kernel, attributes);
  const image = cropped(x, [rest[0] - bottom, rest[1] - right], context);
  const pads = [top, left, Math.max(0, bottom - rest[0]), Math.max(0, right - rest[1])];
  const [filters, channels] = outputs[0]!.shape;
  const type: ValueType = { dtype: x.dtype, shape: [channels!, filters!, ...kernel] };
  const windows = { dilations: strides, pads, strides: dilations, ...(groups !== 1 && { group: groups }) };
  const images = groups === 1 ? swapped(image, context) : swappedInGroups(image, groups, context);
  return swapped(emit('Conv', [images, swapped(d, context)], windows, type), context);
}

/** An image without so many of its last rows and columns. */
function cropped(x: OnnxValue, by: readonly [number, number], { emit, integers }: LowerContext): OnnxValue {
  let image = x;
  for (const [index, count] of by.entries()) {
    if (count <= 0) continue;
    const axis = index + 2;
    const extent = (x.shape[axis] as number) - count;
    const shape = image.shape.map((dim, position) => (position === axis ? extent : dim));
    image = emit('Slice', [image, integers([0]), integers([extent]), integers([axis])], {}, { dtype: x.dtype, shape });
  }
  return image;
}

function swapped(value: OnnxValue, { emit }: LowerContext): OnnxValue {
  const [first, second, ...rest] = value.shape;
  const shape = [second!, first!, ...rest];
  return emit('Transpose', [value], { perm: [1, 0, 2, 3] }, { dtype: value.dtype, shape });
}

/** `[images, groups * channels, ...]` as `[channels, groups * images, ...]`. */
function swappedInGroups(x: OnnxValue, groups: number, { emit, integers }: LowerContext): OnnxValue {
  const { dtype } = x;
  const [images, all, ...size] = x.shape as [Dim, number, number, number];
  const channels = all / groups;
  const parted: ValueType = { dtype, shape: [images, groups, channels, ...size] };
  const parts = emit('Reshape', [x, integers([-1, groups, channels, ...size])], {}, parted);
  const turned: ValueType = { dtype, shape: [channels, groups, images, ...size] };
  const byChannel = emit('Transpose', [parts], { perm: [2, 1, 0, 3, 4] }, turned);
  const together = typeof images === 'number' ? groups * images : `${groups}*${images}`;
  const target = integers([channels, -1, ...size]);
  return emit('Reshape', [byChannel, target], {}, { dtype, shape: [channels, together, ...size] });
}
