import { defineLayer } from './define.js';
import { imageShape, pooledShape } from './image-shapes.js';
import { checkLayerOptions, heightAndWidth } from './layer-checks.js';
import type { Layer } from './types.js';

export interface AveragePool2dOptions {
  readonly kernel: number | readonly [number, number];
  /** Default: the kernel, so that windows do not overlap. */
  readonly stride?: number | readonly [number, number];
}

/** The mean of each window, without padding: samples `[channels, height, width]`; a last partial window is left out. */
export function averagePool2d(options: AveragePool2dOptions): Layer {
  checkLayerOptions('averagePool2d', options, ['kernel', 'stride']);
  const kernel = heightAndWidth('averagePool2d', 'kernel', options.kernel);
  const strides = heightAndWidth('averagePool2d', 'stride', options.stride ?? kernel);
  return defineLayer({
    kind: 'averagePool2d',
    build: (inputShape) => ({
      outputShape: pooledShape('averagePool2d', inputShape, kernel, strides),
      parameters: [],
      apply: (g, x) => g.averagePool2d(x, { kernel, strides }),
    }),
  });
}

/** The mean of each channel: samples `[channels, height, width]` to `[channels]`. */
export function globalAveragePool2d(): Layer {
  return defineLayer({
    kind: 'globalAveragePool2d',
    build(inputShape) {
      const [channels] = imageShape('globalAveragePool2d', inputShape);
      return { outputShape: [channels], parameters: [], apply: (g, x) => g.mean(x, [2, 3]) };
    },
  });
}
