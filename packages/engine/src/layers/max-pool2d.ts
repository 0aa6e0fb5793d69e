import { heightAndWidth, shapeMismatch } from './layer-checks.js';
import { defineLayer, type Layer } from './types.js';

export interface MaxPool2dOptions {
  readonly kernel: number | readonly [number, number];
  /** Default: the kernel, so that windows do not overlap. */
  readonly stride?: number | readonly [number, number];
}

/** The largest value of each window, without padding: samples `[channels, height, width]`; a last partial window is left out. */
export function maxPool2d(options: MaxPool2dOptions): Layer {
  const kernel = heightAndWidth('maxPool2d', 'kernel', options.kernel);
  const strides = heightAndWidth('maxPool2d', 'stride', options.stride ?? kernel);
  return defineLayer({
    kind: 'maxPool2d',
    build(inputShape) {
      const [channels, height, width] = inputShape;
      if (channels === undefined || height === undefined || width === undefined || inputShape.length !== 3) {
        throw shapeMismatch('maxPool2d', '[channels, height, width]', inputShape, 'put it after a conv2d layer');
      }
      if (height < kernel[0] || width < kernel[1]) {
        const expected = `[channels, at least ${kernel[0]}, at least ${kernel[1]}]`;
        throw shapeMismatch('maxPool2d', expected, inputShape, 'choose a smaller kernel');
      }
      const outputHeight = Math.floor((height - kernel[0]) / strides[0]) + 1;
      const outputWidth = Math.floor((width - kernel[1]) / strides[1]) + 1;
      return {
        outputShape: [channels, outputHeight, outputWidth],
        parameters: [],
        apply: (g, x) => g.maxPool2d(x, { kernel: [kernel[0], kernel[1]], strides: [strides[0], strides[1]] }),
      };
    },
  });
}
