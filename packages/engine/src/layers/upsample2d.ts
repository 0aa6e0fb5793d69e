import { FedloomError } from '../errors.js';
import { defineLayer } from './define.js';
import { imageShape } from './image-shapes.js';
import { checkLayerOptions, heightAndWidth, show } from './layer-checks.js';
import { type AxisWeights, resampled } from './resample.js';
import type { Layer } from './types.js';

export interface Upsample2dOptions {
  /** `nearest` (the default) repeats each pixel; `bilinear` goes evenly from the middle of one pixel to that of the next. */
  readonly mode?: 'nearest' | 'bilinear';
}

/**
 * Images so many times as high and wide: samples `[channels, height, width]` to `[channels, scale * height, scale * width]`, as
 * torch.nn.Upsample with `scale_factor`, and without `align_corners`.
 * @param scale a whole number for both axes, or one each
 */
export function upsample2d(scale: number | readonly [number, number], options: Upsample2dOptions = {}): Layer {
  const [down, across] = heightAndWidth('upsample2d', 'scale', scale);
  checkLayerOptions('upsample2d', options, ['mode']);
  const { mode = 'nearest' } = options;
  if (mode !== 'nearest' && mode !== 'bilinear') {
    const message = `upsample2d: mode is ${show(mode)}; it must be 'nearest' or 'bilinear'.`;
    throw new FedloomError('layer.option', message, { layer: 'upsample2d', option: 'mode', value: mode });
  }
  return defineLayer({
    kind: 'upsample2d',
    build(inputShape) {
      const [channels, height, width] = imageShape('upsample2d', inputShape);
      return {
        outputShape: [channels, down * height, across * width],
        parameters: [],
        apply(g, x) {
          if (mode === 'bilinear') return resampled(g, x, between(height, down), between(width, across));
          const [images] = x.shape;
          const apart = g.reshape(x, [images!, channels, height, 1, width, 1]);
          const repeated = g.expand(apart, [images!, channels, height, down, width, across]);
          return g.reshape(repeated, [images!, channels, down * height, across * width]);
        },
      };
    },
  });
}

/** Each place between the two input pixels whose middles are next to its own; beyond the last middle, the last pixel. */
function between(input: number, scale: number): AxisWeights {
  return Array.from({ length: input * scale }, (_, at) => {
    const middle = Math.max(0, (at + 0.5) / scale - 0.5);
    const before = Math.floor(middle);
    const after = Math.min(before + 1, input - 1);
    const share = middle - before;
    return Array.from(
      { length: input },
      (_, place) => (place === before ? 1 - share : 0) + (place === after ? share : 0),
    );
  });
}
