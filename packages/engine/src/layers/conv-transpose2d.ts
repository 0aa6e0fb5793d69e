import { FedloomError } from '../errors.js';
import { checkGroups, convolutionParameters, withBiasOf } from './convolution-parameters.js';
import { defineLayer } from './define.js';
import { imageShape } from './image-shapes.js';
import { checkInteger, checkLayerOptions, heightAndWidth, shapeMismatch } from './layer-checks.js';
import type { Layer } from './types.js';

export interface ConvTranspose2dOptions {
  /** Height and width of the window. */
  readonly kernel: number | readonly [number, number];
  /** How far the windows of neighbouring pixels lie apart in the output. Default 1. */
  readonly stride?: number | readonly [number, number];
  /** What is cut off the output at every side. Default 0. */
  readonly padding?: number;
  /** Rows and columns more at the bottom and the right of the output; less than the stride. Default 0. */
  readonly outputPadding?: number;
  /** Default 1. */
  readonly dilation?: number | readonly [number, number];
  /** Must divide channels and filters. Default 1. */
  readonly groups?: number;
  /** Default true. */
  readonly bias?: boolean;
}

/**
 * A transposed convolution, which makes images larger (Zeiler et al. 2010; Dumoulin and Visin 2016, arXiv 1603.07285): samples `[channels,
 * height, width]` to `[filters, (height - 1) * stride - 2 * padding + dilation * (kernel - 1) + outputPadding + 1, ...]`. `weight` is
 * `[channels, filters / groups, kernelHeight, kernelWidth]`, `bias` `[filters]`, as in torch.nn.ConvTranspose2d.
 */
export function convTranspose2d(filters: number, options: ConvTranspose2dOptions): Layer {
  const kind = `convTranspose2d(${filters})`;
  checkInteger(kind, 'filters', filters, 1);
  checkLayerOptions(kind, options, ['kernel', 'stride', 'padding', 'outputPadding', 'dilation', 'groups', 'bias']);
  const kernel = heightAndWidth(kind, 'kernel', options.kernel);
  const strides = heightAndWidth(kind, 'stride', options.stride ?? 1);
  const dilations = heightAndWidth(kind, 'dilation', options.dilation ?? 1);
  const { padding = 0, outputPadding = 0, groups = 1, bias = true } = options;
  checkInteger(kind, 'padding', padding, 0);
  checkInteger(kind, 'outputPadding', outputPadding, 0);
  checkGroups(kind, groups, filters);
  if (outputPadding >= Math.min(...strides)) {
    const message = `${kind}: outputPadding is ${outputPadding}; it must be less than the stride, ${Math.min(...strides)}.`;
    throw new FedloomError('layer.option', message, { layer: kind, option: 'outputPadding', value: outputPadding });
  }
  const windows = { strides, padding: [padding, padding, padding, padding], dilations, groups } as const;

  return defineLayer({
    kind,
    build(inputShape) {
      const [channels, height, width] = imageShape(kind, inputShape);
      if (channels % groups !== 0) {
        const expected = `[a multiple of ${groups}, height, width]`;
        throw shapeMismatch(kind, expected, inputShape, 'choose groups that divide the channels');
      }
      const grown = (input: number, axis: 0 | 1) =>
        (input - 1) * strides[axis] - 2 * padding + dilations[axis] * (kernel[axis] - 1) + outputPadding + 1;
      const size = [grown(height, 0), grown(width, 1)] as const;
      if (size.some((extent) => extent < 1)) {
        throw shapeMismatch(kind, 'of which its padding leaves something', inputShape, 'choose less padding');
      }
      return {
        outputShape: [filters, ...size],
        parameters: convolutionParameters([channels, filters / groups, ...kernel], filters, bias),
        // What a convolution from the output to the input would give back to its images.
        apply: (g, x, params) => withBiasOf(g, g.conv2dInputGradient(x, params.get('weight')!, windows, size), params),
      };
    },
  });
}
