import { checkGroups, convolutionParameters, withBiasOf } from './convolution-parameters.js';
import { defineLayer } from './define.js';
import { imageShape } from './image-shapes.js';
import { checkInteger, checkLayerOptions, heightAndWidth, shapeMismatch } from './layer-checks.js';
import type { Layer } from './types.js';

export interface Conv2dOptions {
  /** Height and width of the window. */
  readonly kernel: number | readonly [number, number];
  /** Default 1. */
  readonly stride?: number | readonly [number, number];
  /**
   * Zeros around the image: a number for every side; `valid` (the default) none; `same` as many as make the output
   * ceil(input / stride) wide, an odd one going to the bottom and the right.
   */
  readonly padding?: 'same' | 'valid' | number;
  /** Steps between the pixels that a window takes: 2 leaves out every other. Default 1. */
  readonly dilation?: number | readonly [number, number];
  /**
   * Channels and filters in so many parts, each filter seeing the channels of its own part; as many as there are channels: a depthwise
   * convolution. Must divide both. Default 1.
   */
  readonly groups?: number;
  /** Default true. */
  readonly bias?: boolean;
}

/**
 * A two-dimensional convolution (cross-correlation, as everywhere in the field): samples `[channels, height, width]` to
 * `[filters, height', width']`. `weight` is `[filters, channels / groups, kernelHeight, kernelWidth]`, `bias` `[filters]`, as in
 * torch.nn.Conv2d.
 */
export function conv2d(filters: number, options: Conv2dOptions): Layer {
  const kind = `conv2d(${filters})`;
  checkInteger(kind, 'filters', filters, 1);
  checkLayerOptions(kind, options, ['kernel', 'stride', 'padding', 'dilation', 'groups', 'bias']);
  const kernel = heightAndWidth(kind, 'kernel', options.kernel);
  const strides = heightAndWidth(kind, 'stride', options.stride ?? 1);
  const padding = options.padding ?? 'valid';
  if (padding !== 'same' && padding !== 'valid') checkInteger(kind, 'padding', padding, 0);
  const dilations = heightAndWidth(kind, 'dilation', options.dilation ?? 1);
  const { groups = 1, bias = true } = options;
  checkGroups(kind, groups, filters);
  const [high, wide] = [dilations[0] * (kernel[0] - 1) + 1, dilations[1] * (kernel[1] - 1) + 1];

  return defineLayer({
    kind,
    build(inputShape) {
      const [channels, height, width] = imageShape(kind, inputShape);
      if (channels % groups !== 0) {
        const expected = `[a multiple of ${groups}, height, width]`;
        throw shapeMismatch(kind, expected, inputShape, 'choose groups that divide the channels');
      }
      const vertical = spread(height, high, strides[0], padding);
      const horizontal = spread(width, wide, strides[1], padding);
      if (vertical.output < 1 || horizontal.output < 1) {
        const expected = `[channels, at least ${high}, at least ${wide}] with its padding`;
        throw shapeMismatch(kind, expected, inputShape, "choose a smaller kernel or padding: 'same'");
      }
      return {
        outputShape: [filters, vertical.output, horizontal.output],
        parameters: convolutionParameters([filters, channels / groups, ...kernel], filters, bias),
        apply(g, x, params) {
          const product = g.conv2d(x, params.get('weight')!, {
            strides,
            padding: [vertical.before, horizontal.before, vertical.after, horizontal.after],
            dilations,
            groups,
          });
          return withBiasOf(g, product, params);
        },
      };
    },
  });
}

/** Padding and output length along one axis. */
function spread(
  input: number,
  kernel: number,
  stride: number,
  padding: 'same' | 'valid' | number,
): { readonly before: number; readonly after: number; readonly output: number } {
  if (padding === 'same') {
    const output = Math.ceil(input / stride);
    const total = Math.max(0, (output - 1) * stride + kernel - input);
    const before = Math.floor(total / 2);
    return { before, after: total - before, output };
  }
  const side = padding === 'valid' ? 0 : padding;
  return { before: side, after: side, output: Math.floor((input + 2 * side - kernel) / stride) + 1 };
}
