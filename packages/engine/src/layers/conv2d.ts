import { defineLayer } from './define.js';
import { imageShape } from './image-shapes.js';
import { uniformFanIn } from './initializers.js';
import { checkInteger, checkLayerOptions, heightAndWidth, shapeMismatch } from './layer-checks.js';
import type { Layer, LayerParameter } from './types.js';

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
  /** Default true. */
  readonly bias?: boolean;
}

/**
 * A two-dimensional convolution (cross-correlation, as everywhere in the field): samples `[channels, height, width]` to
 * `[filters, height', width']`. `weight` is `[filters, channels, kernelHeight, kernelWidth]`, `bias` `[filters]`, as in
 * torch.nn.Conv2d.
 */
export function conv2d(filters: number, options: Conv2dOptions): Layer {
  const kind = `conv2d(${filters})`;
  checkInteger(kind, 'filters', filters, 1);
  checkLayerOptions(kind, options, ['kernel', 'stride', 'padding', 'bias']);
  const kernel = heightAndWidth(kind, 'kernel', options.kernel);
  const strides = heightAndWidth(kind, 'stride', options.stride ?? 1);
  const padding = options.padding ?? 'valid';
  if (padding !== 'same' && padding !== 'valid') checkInteger(kind, 'padding', padding, 0);
  const withBias = options.bias ?? true;

  return defineLayer({
    kind,
    build(inputShape) {
      const [channels, height, width] = imageShape(kind, inputShape);
      const vertical = spread(height, kernel[0], strides[0], padding);
      const horizontal = spread(width, kernel[1], strides[1], padding);
      if (vertical.output < 1 || horizontal.output < 1) {
        const expected = `[channels, at least ${kernel[0]}, at least ${kernel[1]}] with its padding`;
        throw shapeMismatch(kind, expected, inputShape, "choose a smaller kernel or padding: 'same'");
      }
      const fanIn = channels * kernel[0] * kernel[1];
      const weightShape = [filters, channels, kernel[0], kernel[1]];
      const weight: LayerParameter = {
        name: 'weight',
        shape: weightShape,
        role: 'trained',
        initialize: uniformFanIn(weightShape, fanIn),
      };
      const bias: LayerParameter = {
        name: 'bias',
        shape: [filters],
        role: 'trained',
        initialize: uniformFanIn([filters], fanIn),
      };
      return {
        outputShape: [filters, vertical.output, horizontal.output],
        parameters: withBias ? [weight, bias] : [weight],
        apply(g, x, params) {
          const product = g.conv2d(x, params.get('weight')!, {
            strides: [strides[0], strides[1]],
            padding: [vertical.before, horizontal.before, vertical.after, horizontal.after],
          });
          return withBias ? g.add(product, g.reshape(params.get('bias')!, [filters, 1, 1])) : product;
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
