import { defineLayer } from './define.js';
import { imageShape, pooledShape } from './image-shapes.js';
import { checkLayerOptions, heightAndWidth } from './layer-checks.js';
import type { Layer } from './types.js';

export interface MaxPool2dOptions {
  readonly kernel: number | readonly [number, number];
  /** Default: the kernel, so that windows do not overlap. */
  readonly stride?: number | readonly [number, number];
}

/** The largest value of each window, without padding: samples `[channels, height, width]`; a last partial window is left out. */
export function maxPool2d(options: MaxPool2dOptions): Layer {
  checkLayerOptions('maxPool2d', options, ['kernel', 'stride']);
  const kernel = heightAndWidth('maxPool2d', 'kernel', options.kernel);
  const strides = heightAndWidth('maxPool2d', 'stride', options.stride ?? kernel);
  return defineLayer({
    kind: 'maxPool2d',
    build: (inputShape) => ({
      outputShape: pooledShape('maxPool2d', inputShape, kernel, strides),
      parameters: [],
      apply: (g, x) => g.maxPool2d(x, { kernel, strides }),
    }),
  });
}

/** The largest value of each channel: samples `[channels, height, width]` to `[channels]`. Equal ones share the gradient, as in torch.amax. */
export function globalMaxPool2d(): Layer {
  return defineLayer({
    kind: 'globalMaxPool2d',
    build(inputShape) {
      const [channels] = imageShape('globalMaxPool2d', inputShape);
      return { outputShape: [channels], parameters: [], apply: (g, x) => g.max(x, [2, 3]) };
    },
  });
}
